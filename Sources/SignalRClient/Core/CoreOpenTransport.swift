import NIOCore

/// A client's current transport, and the messages that wait for the next request on it (none with webSockets). No I/O:
/// closing or writing can report back at once, so the client does it.
struct CoreOpenTransport {
    private var open: OpenTransport?
    /// The body of the next request.
    private var outbound: [UInt8] = []
    /// The epoch of the task that posts ``outbound``.
    private var postingEpoch: Int?

    mutating func use(_ transport: OpenTransport) { open = transport }

    /// Forgets the transport and the waiting messages.
    ///
    /// - Returns: the transport to close.
    mutating func end() -> OpenTransport? {
        defer { (open, outbound) = (nil, []) }
        return open
    }

    /// The open webSocket.
    var webSocket: (any Channel)? {
        if case .webSocket(let channel)? = open { channel } else { nil }
    }

    /// Keeps a message for the next request. Without a transport the message is dropped.
    ///
    /// - Returns: whether the client must begin to post: no task does so in this epoch.
    mutating func enqueue(_ message: [UInt8], epoch: Int) -> Bool {
        guard open != nil else { return false }
        outbound += message
        guard postingEpoch != epoch else { return false }
        postingEpoch = epoch
        return true
    }

    /// - Returns: the body of the next request; nil if no message waits.
    mutating func nextBody() -> ByteBuffer? {
        guard !outbound.isEmpty else { return nil }
        defer { outbound = [] }
        return ByteBuffer(bytes: outbound)
    }

    /// The task of this epoch no longer posts.
    mutating func endPosting(epoch: Int) {
        if postingEpoch == epoch { postingEpoch = nil }
    }
}
