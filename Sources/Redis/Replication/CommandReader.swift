/// Reads the commands of a replication stream, in place: RESP arrays of strings, as a server writes them for its
/// replicas. A PUBLISH of a wanted channel goes into the batch with one copy; nothing else is kept, whatever its length.
///
/// A PUBLISH that lies whole in one read takes the short way; everything else goes element by element.
///
/// `~Copyable`: it owns the index, whose memory is its own.
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
        /// In a command of one line.
        case line
    }

    private enum Kind {
        case publish
        case shardPublish
        case ping
        case framing
        case control
        case other
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

    /// Longer names of commands are not ours.
    private static let longestWord = 16
    /// Longer payloads are refused, as by ``RESPReader``.
    private static let longestPayload = 1 << 30
    /// Longer channels cannot be wanted.
    private static let longestChannel = 1 << 20
    private static let anyPlace = SubscribedIndex.Place(channel: 0, keepsName: true)

    private var names: SubscribedIndex
    private let header: MessageHeader?
    private let keepsAll: Bool
    var batch: EnvelopeBatch? {
        didSet { unretainedBatch = batch.map { Unmanaged.passUnretained($0) } }
    }
    /// `batch` without reference counting, which would cost more than copying a small payload.
    private var unretainedBatch: Unmanaged<EnvelopeBatch>?
    var sink: (any EnvelopeSink)?

    /// The end of the last complete command.
    private(set) var offset: Int64
    /// Bytes of the unfinished command in earlier reads.
    private var unfinished: Int64 = 0
    private(set) var counts = CommandCounts()
    /// GETACKs since it was last set to 0.
    var acknowledgementsWanted = 0

    private var part = Part.start
    private var number = 0
    private var digits = 0
    private var hasReturn = false
    private var kind = Kind.other
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

    init(offset: Int64, names: [SubscribedName], header: MessageHeader?, keepsAll: Bool) {
        self.offset = offset
        self.names = SubscribedIndex(keepsAll ? [] : names)
        self.header = header
        self.keepsAll = keepsAll
    }

    mutating func setNames(_ names: [SubscribedName]) {
        if !keepsAll { self.names = SubscribedIndex(names) }
    }

    /// The first command follows this offset.
    mutating func begin(at offset: Int64) { self.offset = offset }

    /// - Returns: what is wrong with the bytes.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let base = bytes.baseAddress else { return nil }
        var at = 0
        // Where the offset counts from in this read.
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

    // MARK: - The short way

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
        guard let name = Self.string(in: base, from: start &+ 17, to: end), name.count <= Self.longestChannel,
            let payload = Self.string(in: base, from: name.end, to: end), payload.count <= EnvelopeBatch.largePayload
        else { return nil }
        let channel = UnsafeRawBufferPointer(start: base + name.start, count: name.count)
        let found = keepsAll ? Self.anyPlace : names.place(ofPublished: channel)
        if let found {
            append(
                UnsafeRawBufferPointer(start: base + payload.start, count: payload.count), at: found, channel: channel)
            counts[.publish] &+= 1
        } else {
            counts[.otherPublish] &+= 1
        }
        return payload.end
    }

    /// A string in whole: `$<length>\r\n<bytes>\r\n`.
    @inline(__always)
    private static func string(
        in base: UnsafeRawPointer, from start: Int, to end: Int
    ) -> (start: Int, count: Int, end: Int)? {
        guard start < end, base.load(fromByteOffset: start, as: UInt8.self) == UInt8(ascii: "$") else { return nil }
        var at = start &+ 1
        var count = 0
        while true {
            guard at < end, at &- start <= 10 else { return nil }
            let digit = base.load(fromByteOffset: at, as: UInt8.self) &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            count = count &* 10 &+ Int(digit)
            at &+= 1
        }
        guard at &- start > 1, end &- at >= count &+ 4, isLineEnd(base, at), isLineEnd(base, at &+ 2 &+ count) else {
            return nil
        }
        return (at &+ 2, count, at &+ 4 &+ count)
    }

    @inline(__always)
    private static func isLineEnd(_ base: UnsafeRawPointer, _ at: Int) -> Bool {
        base.loadUnaligned(fromByteOffset: at, as: UInt16.self).littleEndian == 0x0A0D
    }

    @inline(__always)
    private func append(
        _ payload: UnsafeRawBufferPointer, at place: SubscribedIndex.Place, channel: UnsafeRawBufferPointer
    ) {
        guard let unretainedBatch else { return }
        if place.keepsName, let header {
            unretainedBatch._withUnsafeGuaranteedRef {
                $0.append(channel: place.channel, name: channel, payload: payload, header: header)
            }
        } else {
            unretainedBatch._withUnsafeGuaranteedRef { $0.append(channel: place.channel, payload: payload) }
        }
    }

    // MARK: - Element by element

    private mutating func begin(with byte: UInt8, _ at: inout Int) -> String? {
        switch byte {
        case UInt8(ascii: "*"):
            beginNumber(.count)
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
            guard let isComplete = readNumber(bytes, &at) else { return "a command without a number of arguments" }
            if isComplete { beginCommand(arguments: number) }
        case .marker:
            guard bytes[at] == UInt8(ascii: "$") else { return "an argument begins with byte \(bytes[at])" }
            at += 1
            beginNumber(.length)
        case .length:
            guard let isComplete = readNumber(bytes, &at) else { return "an argument without a length" }
            if isComplete { beginArgument(length: number) }
        case .argument: return readArgument(bytes, &at)
        case .large: return readLarge(bytes, &at)
        case .line: readLine(bytes, &at)
        }
        return nil
    }

    private mutating func beginNumber(_ part: Part) {
        self.part = part
        (number, digits, hasReturn) = (0, 0, false)
    }

    /// - Returns: whether its line has ended; nil if it is none.
    private mutating func readNumber(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Bool? {
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if hasReturn { return byte == 10 ? true : nil }
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9") where digits < 15:
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
                digits += 1
            case 13 where digits > 0: hasReturn = true
            default: return nil
            }
        }
        return false
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
        case (_, 0): length <= Self.longestWord ? .name : .nothing
        case (.control, 1): length <= Self.longestWord ? .word : .nothing
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
        case .name: kind = Self.kind(of: value)
        case .word: isAcknowledgementWanted = Self.equals(value, "getack")
        case .channel:
            place = keepsAll ? Self.anyPlace : names.place(ofPublished: value)
            if place?.keepsName == true {
                channel.removeAll(keepingCapacity: true)
                channel += value
            }
        case .payload:
            if let place { channel.withUnsafeBytes { append(value, at: place, channel: $0) } }
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
        switch kind {
        case .publish: counts[place == nil ? .otherPublish : .publish] += 1
        case .shardPublish: counts[.shardPublish] += 1
        case .ping: counts[.ping] += 1
        case .framing: counts[.framing] += 1
        case .control:
            counts[.control] += 1
            if isAcknowledgementWanted { acknowledgementsWanted += 1 }
        case .other: counts[.other] += 1
        }
    }

    /// A command of one line: nothing but PING is known of servers.
    private mutating func readLine(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) {
        let rest = bytes[at...]
        let end = rest.firstIndex(of: 10)
        held += rest[..<(end ?? rest.endIndex)].prefix(max(0, Self.longestWord - held.count))
        at = end.map { $0 + 1 } ?? bytes.count
        guard end != nil else { return }
        if held.last == 13 { held.removeLast() }
        kind = held.withUnsafeBytes { Self.kind(of: $0) }
        if kind != .ping { kind = .other }
        // An empty line is no command.
        if held.isEmpty { part = .start } else { endCommand() }
    }

    private static func kind(of name: UnsafeRawBufferPointer) -> Kind {
        switch name.count {
        case 4 where equals(name, "ping"): .ping
        case 4 where equals(name, "exec"): .framing
        case 5 where equals(name, "multi"): .framing
        case 6 where equals(name, "select"): .framing
        case 7 where equals(name, "publish"): .publish
        case 8 where equals(name, "spublish"): .shardPublish
        case 8 where equals(name, "replconf"): .control
        default: .other
        }
    }

    /// - Parameter word: lower-case letters.
    private static func equals(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] | 0x20 != word.utf8Start[index] { return false }
        return true
    }

    // MARK: - Large payloads

    private mutating func beginLarge(_ count: Int) {
        guard let place, let sink else { return }
        let header: [UInt8]? =
            if place.keepsName, let form = self.header {
                channel.withUnsafeBytes { form.bytes(channel: $0, payloadCount: count) }
            } else {
                nil
            }
        let held = (header?.count ?? 0) + count
        let admission =
            count > Self.longestPayload ? .tooLarge : sink.admission(ofPayload: held, channel: place.channel)
        large = LargePayload(count: count, header: header ?? [], channel: place.channel, admission: admission)
        part = .large
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
        large.deliver(to: sink, after: &batch)
        endArgument()
        return nil
    }

    /// The connection has ended.
    mutating func abandonLarge() {
        large?.abandon(at: sink)
        large = nil
    }
}
