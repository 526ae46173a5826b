/// How frames reach a client.
enum TransportKind: String, CaseIterable, Sendable {
    case webSockets
    case serverSentEvents
    case foreverFrame
    case longPolling

    /// Messages in one frame, as a real node packs them.
    var messagesPerFrame: Int {
        self == .longPolling ? 5_000 : 10
    }
}
