/// The last part of a path below the node's base path.
enum Endpoint: String, Sendable {
    case negotiate
    case ping
    case connect
    case start
    case reconnect
    case poll
    case send
    case abort
    case hubs
    case js

    /// Whether it does more than to read, also when it is asked by `GET`.
    var changesSomething: Bool { self == .send || self == .abort }
}
