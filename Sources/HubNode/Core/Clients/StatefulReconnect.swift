import DequeModule
import NIOCore

/// What lets a connection outlive its webSocket: the messages that the client has not acknowledged, and how many of its
/// own have arrived. Decision logic without I/O.
///
/// Only messages of the types 1 to 5 count, in each direction from 1.
struct StatefulReconnect {
    private let limit: Int
    private var unacknowledged: Deque<ByteBuffer> = []
    private var unacknowledgedBytes = 0
    /// The number of the first of them, or of the next message if there is none.
    private var first: Int64 = 1
    private var waiting: Deque<ByteBuffer> = []
    private var waitingBytes = 0

    /// The number of the next message of the client, which may be one that it sends again.
    private var next: Int64 = 1
    private var received: Int64 = 0
    private var acknowledged: Int64 = 0
    private var awaitsSequence = false

    /// - Parameter limit: bytes that are sent without an ack; further messages wait.
    init(limit: Int) {
        self.limit = limit
    }

    // MARK: - To the client

    /// Messages and bytes that wait for acks, those that were sent included.
    var pending: (messages: Int, bytes: Int) {
        (unacknowledged.count + waiting.count, unacknowledgedBytes + waitingBytes)
    }

    /// Whether messages wait until the client has acknowledged others.
    var isFull: Bool { !waiting.isEmpty }

    /// Whether a message need not wait.
    var hasRoom: Bool { waiting.isEmpty && unacknowledgedBytes < limit }

    /// - Returns: false if the message must wait; ``acknowledge(_:)`` returns it later.
    mutating func send(_ message: ByteBuffer) -> Bool {
        guard hasRoom else {
            waiting.append(message)
            waitingBytes += message.readableBytes
            return false
        }
        keep(message)
        return true
    }

    /// The client has every message up to this number.
    ///
    /// - Returns: messages that waited and are to be sent now.
    mutating func acknowledge(_ number: Int64) -> [ByteBuffer] {
        while first <= number, let message = unacknowledged.popFirst() {
            unacknowledgedBytes -= message.readableBytes
            first += 1
        }
        var released: [ByteBuffer] = []
        while unacknowledgedBytes < limit, let message = waiting.popFirst() {
            waitingBytes -= message.readableBytes
            keep(message)
            released.append(message)
        }
        return released
    }

    /// The client has a new webSocket.
    ///
    /// - Returns: what it is sent first: the number of the first message of those that follow, and they.
    mutating func resume() -> (sequence: Int64, messages: Deque<ByteBuffer>) {
        awaitsSequence = true
        return (first, unacknowledged)
    }

    private mutating func keep(_ message: ByteBuffer) {
        unacknowledged.append(message)
        unacknowledgedBytes += message.readableBytes
    }

    // MARK: - From the client

    /// - Returns: false if the message is to be ignored: it has arrived before, or comes before the client has said, on
    ///   its new webSocket, which one is first.
    mutating func takes(_ message: CoreClientMessage) throws(CoreClientMessage.Malformed) -> Bool {
        if case .sequence(let number) = message {
            guard number <= next else { throw .sequence }
            awaitsSequence = false
            next = number
            return true
        }
        guard !awaitsSequence else { return false }
        guard message.isCounted else { return true }
        defer { next += 1 }
        guard next > received else {
            // The client has not got the ack.
            acknowledged = min(acknowledged, received - 1)
            return false
        }
        received = next
        return true
    }

    /// The number that the client is told in an ack; nil if it knows it. Real nodes send one a second at most.
    mutating func dueAck() -> Int64? {
        guard received > acknowledged else { return nil }
        acknowledged = received
        return received
    }
}
