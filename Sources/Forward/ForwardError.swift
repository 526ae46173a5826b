/// Why the forwarder will not forward.
package enum ForwardError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What it publishes would come back to the relay that it comes from.
    case targetIsSource(endpoint: String)

    package var description: String {
        switch self {
        case .targetIsSource(let endpoint):
            "the forward target \(endpoint) is the very server that is watched, and the event key is watched: each message would come back for ever; name another server, or another event key there"
        }
    }
}
