import SignalRClient
/// A client that takes part in a check.
struct Participant: Sendable {
    let index: Int
    /// The node that it starts at.
    let node: Int
    let transport: ClientTransport
    /// `node 1/webSockets`
    let name: String
    let user: String
    let client: SignalRClient
}
