/// Reads the commands of a replication stream, in place: RESP arrays of strings, as a server writes them for its
/// replicas. A PUBLISH of a wanted channel goes into the batch with one copy; nothing else is kept, whatever its length.
///
/// A PUBLISH that lies whole in one read takes the fast path; everything else is read element by element.
///
/// `~Copyable`: it owns the index and its memory.
struct CommandReader: ~Copyable {
    private enum Part {
        /// Between commands.
        case start
        /// In the number of arguments.
        case count
        /// Before the `$` of an argument.
        case marker
        /// In the length of an argument.
        case length
        /// In an argument or its line end.
        case argument
        /// In a large payload or its line end.
        case large
        /// In an inline command.
        case line
    }

    /// What an argument is kept for.
    private enum Use {
        case name
        case channel
        case payload
        /// The first word of a REPLCONF.
        case word
        case nothing
    }

    /// Longer channels cannot be wanted.
    private static let longestChannel = 1 << 20
    /// Where a PUBLISH goes.
    var destination: PublishDestination
    /// The end of the last complete command.
    private(set) var offset: Int64
    /// Bytes of the unfinished command in earlier reads.
    private var unfinished: Int64 = 0
    private(set) var counts: CommandCounts
    /// GETACKs since it was last set to 0.
    var acknowledgementsWanted = 0

    private var part = Part.start
    private var number = NumberLine()
    private var kind = CommandKind.other
    private var arguments = 0
    private var argument = 0
    private var use = Use.nothing
    /// Bytes left of the argument and its line end.
    private var left = 0
    /// The part of the argument in earlier reads, if it is used.
    private var held: [UInt8] = []
    /// Of the unfinished PUBLISH.
    private var place: SubscribedIndex.Place?
    private var channel: [UInt8] = []
    private var large: LargePayload?
    private var isAcknowledgementWanted = false

    /// - Parameters:
    ///   - offset: of the byte before the first command.
    ///   - counts: of earlier streams, to continue counting.
    init(offset: Int64, counts: CommandCounts, destination: consuming PublishDestination) {
        self.offset = offset
        self.counts = counts
        self.destination = destination
    }

    /// The first command follows this offset.
    mutating func begin(at offset: Int64) { self.offset = offset }

    /// - Returns: what is wrong with the bytes.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let base = bytes.baseAddress else { return nil }
        var at = 0
        // The index in this read up to which the offset counts.
        var counted = -unfinished
        while at < bytes.count {
            if part == .start {
                if let end = publish(in: base, from: at, to: bytes.count) {
                    at = end
                } else if let problem = begin(with: bytes[at], &at) {
                    return problem
                }
            } else if let problem = advance(bytes, &at) {
                return problem
            }
            if part == .start {
                offset += Int64(at) - counted
                counted = Int64(at)
            }
        }
        unfinished = Int64(at) - counted
        return nil
    }

    // MARK: - Fast path

    /// `*3\r\n$7\r\n`
    private static let publishHead = UInt64(littleEndian: 0x0A0D_3724_0A0D_332A)
    /// `publish\r`
    private static let publishName = UInt64(littleEndian: 0x0D68_7369_6C62_7570)
    private static let lowerCase = UInt64(littleEndian: 0x0020_2020_2020_2020)

    /// Takes a PUBLISH that lies whole before `end`.
    ///
    /// - Returns: where it ends; nil if there is none, or not in this form.
    @inline(__always)
    private mutating func publish(in base: UnsafeRawPointer, from start: Int, to end: Int) -> Int? {
        guard end &- start > 32, base.loadUnaligned(fromByteOffset: start, as: UInt64.self) == Self.publishHead,
            base.loadUnaligned(fromByteOffset: start &+ 8, as: UInt64.self) | Self.lowerCase == Self.publishName,
            base.load(fromByteOffset: start &+ 16, as: UInt8.self) == 10
        else { return nil }
        guard let name = WholeString(in: base, from: start &+ 17, to: end), name.count <= Self.longestChannel,
            let payload = WholeString(in: base, from: name.end, to: end), payload.count <= EnvelopeBatch.largePayload
        else { return nil }
        let channel = UnsafeRawBufferPointer(start: base + name.start, count: name.count)
        if let found = destination.place(of: channel) {
            destination.append(
                UnsafeRawBufferPointer(start: base + payload.start, count: payload.count), at: found, channel: channel)
            counts[.publish] &+= 1
        } else {
            counts[.otherPublish] &+= 1
        }
        return payload.end
    }

    // MARK: - Element by element

    private mutating func begin(with byte: UInt8, _ at: inout Int) -> String? {
        switch byte {
        case UInt8(ascii: "*"):
            (part, number) = (.count, NumberLine())
            at += 1
        case 10, 13, UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
            part = .line
            held.removeAll(keepingCapacity: true)
        default: return "a command begins with byte \(byte)"
        }
        return nil
    }

    private mutating func advance(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> String? {
        switch part {
        case .start: break
        case .count:
            guard let isComplete = number.read(bytes, &at) else { return "a command without a number of arguments" }
            if isComplete { beginCommand(arguments: number.value) }
        case .marker:
            guard bytes[at] == UInt8(ascii: "$") else { return "an argument begins with byte \(bytes[at])" }
            at += 1
            (part, number) = (.length, NumberLine())
        case .length:
            guard let isComplete = number.read(bytes, &at) else { return "an argument without a length" }
            if isComplete { beginArgument(length: number.value) }
        case .argument: return readArgument(bytes, &at)
        case .large: return readLarge(bytes, &at)
        case .line: readLine(bytes, &at)
        }
        return nil
    }

    private mutating func beginCommand(arguments: Int) {
        self.arguments = arguments
        argument = 0
        kind = .other
        place = nil
        isAcknowledgementWanted = false
        part = .marker
        if arguments == 0 { endCommand() }
    }

    private mutating func beginArgument(length: Int) {
        use = use(ofLength: length)
        left = length + 2
        held.removeAll(keepingCapacity: true)
        part = .argument
        if use == .payload, length > EnvelopeBatch.largePayload { beginLarge(length) }
    }

    private func use(ofLength length: Int) -> Use {
        switch (kind, argument) {
        case (_, 0): length <= CommandKind.longestName ? .name : .nothing
        case (.control, 1): length <= CommandKind.longestName ? .word : .nothing
        case (.publish, 1) where arguments == 3: length <= Self.longestChannel ? .channel : .nothing
        case (.publish, 2) where place != nil: .payload
        default: .nothing
        }
    }

    private mutating func readArgument(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> String? {
        let piece = UnsafeRawBufferPointer(rebasing: bytes[at...].prefix(left))
        at += piece.count
        left -= piece.count
        guard use != .nothing else {
            if left == 0 { endArgument() }
            return nil
        }
        if held.isEmpty, left == 0 { return take(piece) }
        held += piece
        guard left == 0 else { return nil }
        let whole = held
        held = []
        return whole.withUnsafeBytes { take($0) }
    }

    /// - Parameter bytes: an argument and its line end.
    private mutating func take(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes[bytes.count - 2] == 13, bytes[bytes.count - 1] == 10 else { return "no line end after an argument" }
        let value = UnsafeRawBufferPointer(rebasing: bytes.dropLast(2))
        switch use {
        case .name: kind = CommandKind(value)
        case .word: isAcknowledgementWanted = CommandKind.equals(value, "getack")
        case .channel:
            place = destination.place(of: value)
            if place?.keepsName == true {
                channel.removeAll(keepingCapacity: true)
                channel += value
            }
        case .payload:
            if let place { channel.withUnsafeBytes { destination.append(value, at: place, channel: $0) } }
        case .nothing: break
        }
        endArgument()
        return nil
    }

    private mutating func endArgument() {
        argument += 1
        part = .marker
        if argument == arguments { endCommand() }
    }

    private mutating func endCommand() {
        part = .start
        counts[kind == .publish && place == nil ? .otherPublish : kind.countedAs] += 1
        if isAcknowledgementWanted { acknowledgementsWanted += 1 }
    }

    /// An inline command: servers send only PING that way.
    private mutating func readLine(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) {
        let rest = bytes[at...]
        let end = rest.firstIndex(of: 10)
        held += rest[..<(end ?? rest.endIndex)].prefix(max(0, CommandKind.longestName - held.count))
        at = end.map { $0 + 1 } ?? bytes.count
        guard end != nil else { return }
        if held.last == 13 { held.removeLast() }
        kind = held.withUnsafeBytes { CommandKind($0) }
        if kind != .ping { kind = .other }
        // An empty line is no command.
        if held.isEmpty { part = .start } else { endCommand() }
    }

    // MARK: - Large payloads

    private mutating func beginLarge(_ count: Int) {
        guard let place else { return }
        large = channel.withUnsafeBytes { destination.large(count: count, at: place, channel: $0) }
        if large != nil { part = .large }
    }

    private mutating func readLarge(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> String? {
        var rest = bytes[at...]
        guard let outcome = large?.take(&rest) else { return nil }
        at = rest.startIndex
        guard outcome != .unfinished, let large else { return nil }
        if outcome == .malformed {
            abandonLarge()
            return "no line end after an argument"
        }
        self.large = nil
        large.deliver(to: destination.sink, after: &destination.batch)
        endArgument()
        return nil
    }

    /// The connection has ended.
    mutating func abandonLarge() {
        large?.abandon(at: destination.sink)
        large = nil
    }
}
