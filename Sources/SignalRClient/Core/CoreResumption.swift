/// What a connection needs to outlive its webSocket (stateful reconnect): the messages that the node has not
/// acknowledged, and how many came from it. Only messages with a meaning count (``CoreMessageType``, 1 to 5), each
/// direction from 1. No I/O, no clock.
///
/// Source: `MessageBuffer.cs` of Microsoft.AspNetCore.SignalR.Common.
struct CoreResumption {
    /// Beyond it a sender waits for the next Ack, as Microsoft's.
    private static let bufferBytes = 100_000

    private struct Sent {
        let id: Int64
        let message: [UInt8]
    }

    /// Oldest first.
    private var sent: [Sent] = []
    private var sentBytes = 0
    private var lastSentID: Int64 = 0
    /// Of the message that comes next, by the node's count.
    private var nextReceivedID: Int64 = 1
    private(set) var lastReceivedID: Int64 = 0
    /// After a new webSocket, until the node says which message comes first.
    private var awaitsSequence = false

    /// Whether the next message must wait for an Ack.
    var isFull: Bool { sentBytes >= Self.bufferBytes }

    // MARK: - To the node

    mutating func append(_ message: [UInt8]) {
        lastSentID += 1
        sent.append(Sent(id: lastSentID, message: message))
        sentBytes += message.count
    }

    mutating func acknowledged(_ id: Int64) {
        let count = sent.prefix { $0.id <= id }.count
        sentBytes -= sent.prefix(count).reduce(0) { $0 + $1.message.count }
        sent.removeFirst(count)
    }

    /// What a new webSocket begins with: the id of the first message that is sent again, or of the next one, and the
    /// messages.
    var repeated: (sequenceID: Int64, messages: [[UInt8]]) { (sent.first?.id ?? lastSentID + 1, sent.map(\.message)) }

    // MARK: - From the node

    enum Admission: Equatable {
        case taken
        /// It came before, or came before the node said which message comes first.
        case skipped
    }

    /// A new webSocket is being opened: what comes through it counts from where the node says.
    mutating func begin() { awaitsSequence = true }

    /// - Parameter isCounted: whether the message is of a type that counts.
    mutating func receive(isCounted: Bool) -> Admission {
        if awaitsSequence { return .skipped }
        guard isCounted else { return .taken }
        defer { nextReceivedID += 1 }
        guard nextReceivedID > lastReceivedID else { return .skipped }
        lastReceivedID = nextReceivedID
        return .taken
    }

    /// The node says which message comes next.
    ///
    /// - Returns: false if messages between are lost.
    mutating func receive(sequenceID: Int64) -> Bool {
        awaitsSequence = false
        guard sequenceID >= 1, sequenceID <= lastReceivedID + 1 else { return false }
        nextReceivedID = sequenceID
        return true
    }
}
