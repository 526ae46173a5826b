import DequeModule
import NIOCore

/// The state that lets a connection survive its webSocket: unacknowledged messages to the client, and the number of
/// messages received from it. No I/O.
///
/// Only messages of types 1 to 5 are counted, from 1 in each direction.
///
/// Source: `common/Shared/MessageBuffer.cs` of ASP.NET Core SignalR.
struct StatefulReconnect {
    private let limit: Int
    private var unacknowledged: Deque<ByteBuffer> = []
    private var unacknowledgedBytes = 0
    /// The number of the first one, or of the next message if there is none.
    private var first: Int64 = 1
    private var waiting: Deque<ByteBuffer> = []
    private var waitingBytes = 0

    /// The number of the next message from the client, which may be a repeated one.
    private var next: Int64 = 1
    private var received: Int64 = 0
    private var acknowledged: Int64 = 0
    private var awaitsSequence = false

    /// - Parameter limit: maximum number of unacknowledged bytes; further messages wait.
    init(limit: Int) {
        self.limit = limit
    }

    // MARK: - To the client

    /// Messages and bytes waiting for acks, including those already sent.
    var pending: (messages: Int, bytes: Int) {
        (unacknowledged.count + waiting.count, unacknowledgedBytes + waitingBytes)
    }

    /// Whether messages are waiting until the client has acknowledged others.
    var isFull: Bool { !waiting.isEmpty }

    /// Whether a message can be sent immediately.
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

    /// The client has received every message up to this number.
    ///
    /// - Returns: waiting messages that can be sent now.
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
    /// - Returns: the number of the first message to send again, and the messages.
    mutating func resume() -> (sequence: Int64, messages: Deque<ByteBuffer>) {
        awaitsSequence = true
        return (first, unacknowledged)
    }

    private mutating func keep(_ message: ByteBuffer) {
        unacknowledged.append(message)
        unacknowledgedBytes += message.readableBytes
    }

    // MARK: - From the client

    /// - Returns: false if the message must be ignored: it was received before, or it arrives on a new webSocket before
    ///   the client has sent the number of its first message.
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
            // The client has not received the ack.
            acknowledged = min(acknowledged, received - 1)
            return false
        }
        received = next
        return true
    }

    /// The number for the next ack to the client; nil if it has already been sent. Real nodes send at most one per
    /// second.
    mutating func dueAck() -> Int64? {
        guard received > acknowledged else { return nil }
        acknowledged = received
        return received
    }
}
