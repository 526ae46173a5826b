/// What keeps a relay from running, besides Redis and the disk.
public enum RelayError: Error, Sendable, CustomStringConvertible {
    /// The HTTP surface cannot be bound.
    case cannotListen(address: String, reason: String)

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot serve /metrics at \(address): \(reason); name another address with --listen"
        }
    }
}
