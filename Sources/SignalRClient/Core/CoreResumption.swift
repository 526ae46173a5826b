/// The state that lets a connection survive its webSocket (stateful reconnect): the messages that the node has not
/// acknowledged, and the number of messages received from it. Only messages of types 1 to 5 are counted
/// (``CoreMessageType``), from 1 in each direction. No I/O, no clock.
///
/// Source: `common/Shared/MessageBuffer.cs` of ASP.NET Core SignalR.
struct CoreResumption {
    /// Maximum size of unacknowledged messages; beyond it senders wait for the next Ack, as in Microsoft's clients.
    private static let bufferBytes = 100_000

    private struct Sent {
        let id: Int64
        let message: [UInt8]
    }

    /// Unacknowledged messages, oldest first.
    private var sent: [Sent] = []
    private var sentBytes = 0
    private var lastSentID: Int64 = 0
    /// Id of the next message from the node.
    private var nextReceivedID: Int64 = 1
    private(set) var lastReceivedID: Int64 = 0
    /// True on a new webSocket until the node has sent the id of its first message.
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

    /// The first data on a new webSocket: the messages to repeat, and the id of the first one (of the next message if
    /// there are none).
    var repeated: (sequenceID: Int64, messages: [[UInt8]]) { (sent.first?.id ?? lastSentID + 1, sent.map(\.message)) }

    // MARK: - From the node

    enum Admission: Equatable {
        case taken
        /// A repeated message, or one that arrived before the node sent the id of its first message.
        case skipped
    }

    /// A new webSocket is being opened: its messages are counted from the id that the node sends first.
    mutating func begin() { awaitsSequence = true }

    /// - Parameter isCounted: whether messages of this type are counted.
    mutating func receive(isCounted: Bool) -> Admission {
        if awaitsSequence { return .skipped }
        guard isCounted else { return .taken }
        defer { nextReceivedID += 1 }
        guard nextReceivedID > lastReceivedID else { return .skipped }
        lastReceivedID = nextReceivedID
        return .taken
    }

    /// The node has sent the id of its next message.
    ///
    /// - Returns: false if earlier messages are lost.
    mutating func receive(sequenceID: Int64) -> Bool {
        awaitsSequence = false
        guard sequenceID >= 1, sequenceID <= lastReceivedID + 1 else { return false }
        nextReceivedID = sequenceID
        return true
    }
}
