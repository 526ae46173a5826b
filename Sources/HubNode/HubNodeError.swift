/// Why a node cannot run.
public enum HubNodeError: Error, Sendable, CustomStringConvertible {
    case cannotListen(address: String, reason: String)

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot listen on \(address): \(reason); name another address"
        }
    }
}
