/// How messages travel from a node to a client; the raw value is the protocol's word.
public enum TransportKind: String, CaseIterable, Sendable, Encodable {
    case webSockets
    case serverSentEvents
    case longPolling
}
