/// Takes what a ``RedisSubscriber`` receives. All calls come from the subscriber's event loop, in the order in which
/// things happened; none may block or take long.
public protocol EnvelopeSink: AnyObject, Sendable {
    /// An empty batch to fill next.
    func nextBatch() -> EnvelopeBatch
    /// A batch with at least one envelope; it belongs to the sink from now on.
    func deliver(_ batch: EnvelopeBatch)
    /// All channels are confirmed.
    func subscribed(_ subscription: Subscription)
    /// A subscription that had been confirmed has ended.
    func disconnected(_ cause: DisconnectCause)
}

/// Why a subscription ended.
public enum DisconnectCause: Sendable, Equatable, CustomStringConvertible {
    /// The server closed the connection: restart, `CLIENT KILL`, or our output buffer was full.
    case closedByServer
    /// The operating system reported an error, such as a reset.
    case ioError(String)
    /// The server no longer answered PING.
    case noAnswer
    /// What arrived was not RESP; hiredis' words.
    case protocolError(String)
    /// The server ended the subscription with an error reply.
    case serverError(String)
    /// The sentinels named another master, and we left for it.
    case failover
    /// We were told to stop.
    case stopped

    /// A stable word for events and metrics.
    public var label: String {
        switch self {
        case .closedByServer: "closed_by_server"
        case .ioError: "io_error"
        case .noAnswer: "no_answer"
        case .protocolError: "protocol_error"
        case .serverError: "server_error"
        case .failover: "failover"
        case .stopped: "stopped"
        }
    }

    public var description: String {
        switch self {
        case .closedByServer: "the server closed the connection"
        case .ioError(let text): "connection error: \(text)"
        case .noAnswer: "the server no longer answers PING"
        case .protocolError(let text): "the server sent something that is not RESP: \(text)"
        case .serverError(let text): "the server answered with an error: \(text)"
        case .failover: "the sentinels named another master"
        case .stopped: "stopped"
        }
    }
}
