/// Reads what a server sends after PSYNC: its answer, the data of a full sync, then commands. Bytes in, envelopes into a
/// batch, events out; no I/O. The result does not depend on how the bytes are split.
///
/// Source: `replication.c` of Redis.
struct ReplicationStream: ~Copyable {
    /// What the connection must act on.
    enum Event: Equatable {
        /// The server is still there, and has not answered yet.
        case waiting
        /// `+FULLRESYNC`: the data follows, then the commands after this position.
        case fullSync(ReplicationPosition)
        /// `+CONTINUE`: the commands after the requested position follow, in a history of this name; nil for the same.
        case continued(history: String?)
        /// An error instead of either.
        case refused(String)
        /// The data of the full sync has ended.
        case transferred
        /// `REPLCONF GETACK`: the server waits for its replicas.
        case acknowledgementWanted

        /// Whether it is the reply to PSYNC.
        var isAnswer: Bool {
            switch self {
            case .fullSync, .continued, .refused: true
            case .waiting, .transferred, .acknowledgementWanted: false
            }
        }
    }

    private enum Phase {
        case answer
        /// The line before the data.
        case header
        case transfer(TransferSkipper)
        case commands
        /// After a refusal: nothing more is read.
        case over
    }

    /// Longest answer line that is accepted, in bytes.
    private static let longestLine = 4_096

    private var phase = Phase.answer
    private var line: [UInt8] = []
    private var hasWaited = false
    private var events: [Event] = []
    /// Bytes of the transfer.
    private(set) var transferBytes: Int64 = 0
    /// The commands after the answer.
    private var reader: CommandReader

    /// - Parameters:
    ///   - offset: of the position that PSYNC asked for: the last byte before its answer's commands.
    ///   - counts: of earlier streams, to continue counting.
    ///   - names: what is wanted.
    ///   - keepsAll: keeps every PUBLISH with its channel under index 0.
    init(
        offset: Int64, counts: CommandCounts = CommandCounts(), names: [SubscribedName], header: MessageHeader? = nil,
        keepsAll: Bool = false
    ) {
        reader = CommandReader(
            offset: offset, counts: counts,
            destination: PublishDestination(names: names, header: header, keepsAll: keepsAll))
    }

    /// The destination of envelopes.
    var batch: EnvelopeBatch? {
        get { reader.destination.batch }
        set { reader.destination.batch = newValue }
    }

    /// Decides about each large payload before it arrives, and receives it.
    var sink: (any EnvelopeSink)? {
        get { reader.destination.sink }
        set { reader.destination.sink = newValue }
    }

    /// The end of the last complete command, as the server counts.
    var offset: Int64 { reader.offset }

    /// Commands read, by class.
    var counts: CommandCounts { reader.counts }

    /// Replaces the wanted names.
    mutating func setNames(_ names: [SubscribedName]) { reader.destination.setNames(names) }

    /// Returns and clears what has happened, in order.
    mutating func takeEvents() -> [Event] {
        guard !events.isEmpty || reader.acknowledgementsWanted > 0 else { return [] }
        if reader.acknowledgementsWanted > 0 {
            events.append(.acknowledgementWanted)
            reader.acknowledgementsWanted = 0
        }
        defer { events = [] }
        return events
    }

    /// The connection has ended: an unfinished payload will not arrive.
    mutating func abandon() { reader.abandonLarge() }

    /// Continues reading.
    ///
    /// - Returns: what is wrong with the bytes; then the stream must not be used any more.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) -> String? {
        var rest = bytes
        while true {
            switch phase {
            case .commands: return reader.feed(rest)
            case .over: return nil
            case .transfer(var skipper):
                let (count, isComplete) = skipper.skip(rest)
                transferBytes += Int64(count)
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                guard isComplete else {
                    phase = .transfer(skipper)
                    return nil
                }
                phase = .commands
                events.append(.transferred)
            case .answer, .header:
                guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                    line += rest
                    return line.count > Self.longestLine ? "an answer of more than \(Self.longestLine) bytes" : nil
                }
                line += rest[..<end]
                rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                let whole = line
                line = []
                if let problem = take(line: whole) { return problem }
            }
        }
    }

    private mutating func take(line: [UInt8]) -> String? {
        // Sent each second while the server prepares.
        if line.isEmpty {
            if !hasWaited { events.append(.waiting) }
            hasWaited = true
            return nil
        }
        let text = String(decoding: line.prefix(Self.longestLine), as: UTF8.self)
        if text.hasPrefix("-") {
            events.append(.refused(String(text.dropFirst())))
            phase = .over
            return nil
        }
        if case .header = phase {
            guard let skipper = TransferSkipper(header: line) else { return "no data after +FULLRESYNC" }
            phase = .transfer(skipper)
            return nil
        }
        let words = text.split(separator: " ")
        if words.first == "+CONTINUE", words.count <= 2 {
            events.append(.continued(history: words.count == 2 ? String(words[1]) : nil))
            phase = .commands
            return nil
        }
        guard words.first == "+FULLRESYNC", words.count == 3, let offset = Int64(words[2]), offset >= 0 else {
            return "unexpected reply to PSYNC"
        }
        reader.begin(at: offset)
        events.append(.fullSync(ReplicationPosition(history: String(words[1]), offset: offset)))
        phase = .header
        return nil
    }
}
