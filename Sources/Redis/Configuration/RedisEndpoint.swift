/// Where a server listens.
public enum RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    /// A unix domain socket.
    case unix(path: String)
    /// A host that may be the rest of a password: it is connected to, and never printed. `part` counts from 1.
    case concealed(host: Secret, port: Int, part: Int)

    /// `host:port`, IPv6 addresses in brackets, or `unix:/path`; holds no secret.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .concealed(_, let port, let part): "<part \(part) of the address>:\(port)"
        }
    }
}
