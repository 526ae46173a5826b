import NIOCore

/// The transport that a session has at the moment.
struct Outlet {
    /// What a stream or a poll gets when it asks for more.
    enum Delivery: Sendable {
        case frame(EncodedFrame)
        /// Nothing has come for a while: say that we live.
        case keepAlive
        /// The transport is over: another has taken its place, or the connection has ended.
        case end
    }

    enum Line {
        case webSocket(WebSocketLine)
        /// A response that asks for one delivery after another; `waiting` while it does.
        case pull(waiting: CheckedContinuation<Delivery, Never>?)
    }

    /// Tells it from the one before.
    let number: UInt64
    let transport: TransportKind
    let openedAt: NIODeadline
    var line: Line

    /// True if a frame can go out now.
    var isReady: Bool {
        switch line {
        case .webSocket(let line): line.isWritable
        case .pull(let waiting): waiting != nil
        }
    }
}

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
