import Backplane
import DequeModule
import NIOCore

/// The latest envelopes, ascending by id, for clients that reconnect: limited in number and in bytes.
struct EnvelopeStore {
    private let maximumCount: Int
    private let maximumBytes: Int
    private var envelopes: Deque<StoredEnvelope> = []
    private(set) var byteCount = 0

    init(maximumCount: Int, maximumBytes: Int) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    var count: Int { envelopes.count }
    var oldestID: UInt64? { envelopes.first?.id }
    var newestID: UInt64? { envelopes.last?.id }

    /// Adds an envelope and drops the oldest beyond the limits. An id below the newest is ignored: the envelope is
    /// late, and clients' cursors have passed it.
    mutating func append(_ envelope: StoredEnvelope) {
        if let newestID, envelope.id <= newestID { return }
        envelopes.append(envelope)
        byteCount += envelope.size
        while envelopes.count > maximumCount || byteCount > maximumBytes, let oldest = envelopes.popFirst() {
            byteCount -= oldest.size
        }
    }

    mutating func removeAll() {
        envelopes.removeAll()
        byteCount = 0
    }

    /// The stored envelopes with an id above `after` and up to `through`.
    func envelopes(after: UInt64, through: UInt64 = .max) -> some Sequence<StoredEnvelope> {
        var low = 0
        var high = envelopes.count
        while low < high {
            let middle = (low + high) / 2
            if envelopes[middle].id <= after { low = middle + 1 } else { high = middle }
        }
        return envelopes[low...].prefix { $0.id <= through }
    }
}

/// A stored envelope: what is needed to determine its recipients, and the JSON for them.
struct StoredEnvelope: Sendable {
    struct Message: Sendable {
        let key: SignalKey
        /// The JSON for a frame.
        let value: ByteBuffer
        /// Signals whose subscribers are excluded.
        let excluded: [SignalKey]
        /// A command for the owner of the connection, which is executed, not delivered.
        let command: Command?
    }

    let id: UInt64
    /// Without acks, which are for nodes.
    let messages: [Message]
    /// Approximate memory in bytes.
    let size: Int

    init(_ envelope: Envelope) {
        id = envelope.id
        messages = envelope.body.messages.compactMap { message in
            if message.isAck { return nil }
            let command = message.commandID.isEmpty ? nil : try? Command(decoding: message.value)
            // An unreadable command must not be delivered.
            if command == nil, !message.commandID.isEmpty { return nil }
            return Message(
                key: SignalKey(message.key), value: ByteBuffer(bytes: message.value),
                excluded: message.filter.isEmpty
                    ? []
                    : message.filter.utf8.split(separator: UInt8(ascii: "|")).map {
                        SignalKey(String(decoding: $0, as: UTF8.self))
                    },
                command: command)
        }
        size = messages.reduce(64) {
            $0 + $1.value.readableBytes + $1.key.text.utf8.count + $1.key.folded.byteCount + 96
        }
    }
}
