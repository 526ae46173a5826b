import Backplane
import NIOCore

/// The messages of one connection in both directions, across its webSockets: splits what arrives, counts and keeps what
/// is sent if the node can resume the connection. No I/O.
struct CoreMessageFlow {
    enum Received {
        /// The first message.
        case handshakeAnswer([UInt8])
        /// A message that arrived for the first time; neither an Ack nor a Sequence.
        case message(CoreIncoming)
        /// The node continues with this number, and messages before it did not arrive.
        case gap(before: Int64)
    }

    private let format: CoreFormat
    private var inbox = Self.emptyInbox
    /// Nil unless the node keeps the connection if its webSocket is lost.
    private var resumption: CoreResumption?
    /// Senders waiting until the node acknowledges messages.
    private var waitingForRoom: [CheckedContinuation<Void, Never>] = []

    init(_ format: CoreFormat) {
        self.format = format
    }

    private static var emptyInbox: CoreInbox { CoreInbox(limit: WebSocketClientHandler.maximumMessageBytes) }

    /// Whether the node keeps the connection for a while if its webSocket is lost.
    var isResumable: Bool { resumption != nil }

    // MARK: - The connection

    /// A new transport. The rest of a partially received message will not arrive: the node sends the message again.
    mutating func begin(resuming: Bool) {
        inbox = Self.emptyInbox
        guard resuming else { return }
        inbox.format = format
        // Data may arrive before the event that the webSocket is open.
        resumption?.begin()
    }

    /// The node has accepted the handshake.
    mutating func accepted(isResumable: Bool) {
        inbox.format = format
        resumption = isResumable ? CoreResumption() : nil
    }

    /// The connection is gone.
    mutating func forget() {
        resumption = nil
        wakeSenders()
    }

    // MARK: - From the node

    mutating func append(_ bytes: some Collection<UInt8>) { inbox.append(bytes) }

    /// - Returns: nil if more bytes are needed.
    /// - Throws: ``CoreFrameError``; `CoreInbox.Failure`.
    mutating func next() throws -> Received? {
        while let bytes = try inbox.next() {
            guard inbox.format != nil else { return .handshakeAnswer(bytes) }
            let message = try CoreIncoming(bytes, format)
            if case .sequence(let id) = message {
                if resumption?.receive(sequenceID: id) == false { return .gap(before: id) }
                continue
            }
            if resumption?.receive(isCounted: message.isCounted) == .skipped { continue }
            guard case .ack(let id) = message else { return .message(message) }
            resumption?.acknowledged(id)
            wakeSenders()
        }
        return nil
    }

    /// The Ack for all messages received so far; nil if the node expects none.
    var acknowledgement: [UInt8]? { resumption.map { CoreOutgoing.ack($0.lastReceivedID).encoded(format) } }

    /// Whether messages were received that may not have been acknowledged.
    var hasReceived: Bool { (resumption?.lastReceivedID ?? 0) > 0 }

    // MARK: - To the node

    /// Counts and keeps the message if the node can resume the connection.
    ///
    /// - Returns: nil if the message must wait until the node has acknowledged earlier ones (``wait(_:)``).
    mutating func admit(_ message: CoreOutgoing) -> [UInt8]? {
        if message.isCounted, resumption?.isFull == true { return nil }
        let bytes = message.encoded(format)
        if message.isCounted { resumption?.append(bytes) }
        return bytes
    }

    /// Whether senders wait for room.
    var hasWaiting: Bool { !waitingForRoom.isEmpty }

    mutating func wait(_ sender: CheckedContinuation<Void, Never>) { waitingForRoom.append(sender) }

    private mutating func wakeSenders() {
        let waiting = waitingForRoom
        waitingForRoom = []
        for sender in waiting { sender.resume() }
    }

    /// The first data on the connection's next webSocket: the number of the first repeated message, and the messages.
    var repeated: [UInt8]? {
        resumption.map { resumption in
            let (id, messages) = resumption.repeated
            return CoreOutgoing.sequence(id).encoded(format) + messages.flatMap { $0 }
        }
    }
}
