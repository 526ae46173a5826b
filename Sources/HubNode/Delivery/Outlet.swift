import NIOCore

/// The transport that a session has at the moment.
struct Outlet {
    /// What a stream or a poll gets when it asks for more.
    enum Delivery: Sendable {
        /// JSON.
        case frame(ByteBuffer)
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

    mutating func send(_ frame: ByteBuffer) {
        switch line {
        case .webSocket(let line): line.send(text: frame)
        case .pull: answer(.frame(frame))
        }
    }

    mutating func keepAlive() {
        switch line {
        case .webSocket(let line): line.send(text: ByteBuffer(staticString: "{}"))
        case .pull: answer(.keepAlive)
        }
    }

    mutating func end() {
        switch line {
        case .webSocket(let line): line.close()
        case .pull: answer(.end)
        }
    }

    private mutating func answer(_ delivery: Delivery) {
        guard case .pull(let waiting?) = line else { return }
        line = .pull(waiting: nil)
        waiting.resume(returning: delivery)
    }
}
