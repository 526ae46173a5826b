import NIOCore

/// The current transport of a session.
struct Outlet {
    /// The next item for a stream or a poll.
    enum Delivery: Sendable {
        case frame(EncodedFrame)
        /// Nothing to send for a while: send a keep-alive.
        case keepAlive
        /// The transport is over: it was replaced, or the connection has ended.
        case end
    }

    enum Line {
        case webSocket(WebSocketLine)
        /// A response that requests deliveries one by one; `waiting` while it does.
        case pull(waiting: CheckedContinuation<Delivery, Never>?)
    }

    /// Distinguishes it from earlier transports.
    let number: UInt64
    let transport: TransportKind
    let openedAt: NIODeadline
    var line: Line

    /// True if a frame can be sent now.
    var isReady: Bool {
        switch line {
        case .webSocket(let line): line.isWritable
        case .pull(let waiting): waiting != nil
        }
    }
}

/// The transport of frames to a client.
enum TransportKind: String, CaseIterable, Sendable {
    case webSockets
    case serverSentEvents
    case foreverFrame
    case longPolling
}
