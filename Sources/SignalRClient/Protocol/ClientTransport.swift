/// How messages travel from a node to a client; the raw value is the protocol's word.
package enum ClientTransport: String, CaseIterable, Sendable, Encodable {
    case webSockets
    case serverSentEvents
    case longPolling
}
