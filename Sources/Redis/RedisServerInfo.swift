/// What `INFO` says of a server, as far as this project needs it.
public struct RedisServerInfo: Sendable, Equatable {
    /// Random per process: a new one means that the server was restarted or is another one.
    public var runID: String
    public var version: String
    /// `standalone`, `sentinel` or `cluster`.
    public var mode: String
    /// `master` or `slave`.
    public var role: String
    /// `host:port` of the master of a replica.
    public var master: String?
    /// Clients that Redis closed because their output buffer was full, since its start; nil where it does not tell.
    public var outputBufferDisconnections: Int?

    /// - Parameter text: the answer to `INFO`, lines of `name:value`.
    public init(infoText text: String) {
        var fields: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
        runID = String(fields["run_id"] ?? "")
        version = String(fields["redis_version"] ?? "")
        mode = String(fields["redis_mode"] ?? "")
        role = String(fields["role"] ?? "")
        if let host = fields["master_host"], let port = fields["master_port"].flatMap({ Int($0) }) {
            master = RedisEndpoint.tcp(host: String(host), port: port).description
        }
        outputBufferDisconnections = fields["client_output_buffer_limit_disconnections"].flatMap { Int($0) }
    }
}
