/// The transport of messages from a node to a client; the raw value is the protocol's name.
package enum ClientTransport: String, CaseIterable, Sendable, Encodable {
    case webSockets
    case serverSentEvents
    case longPolling
}
