import Backplane
import JSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a ``CaptureSelection`` asks of messages, prepared for comparing bytes.
struct MessageMatcher: Sendable {
    /// A bit for each kind; 0 for all.
    private let kinds: UInt32
    private let sources: [[UInt8]]
    private let signals: [Glob]
    private let sample: SignalSample?
    private let texts: [TextSearch]
    private let hubs: [CaselessName]
    private let methods: [CaselessName]
    private let targets: TargetMatcher?

    /// nil if it asks nothing.
    init?(_ selection: CaptureSelection) {
        kinds = selection.kinds.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
        sources = selection.sources.map { Array($0.utf8) }
        signals = selection.signals.map { Glob($0) }
        sample = selection.samplePercent.map { SignalSample(percent: $0) }
        texts = selection.texts.map { TextSearch($0) }
        hubs = selection.hubs.map { CaselessName($0) }
        methods = selection.methods.map { CaselessName($0) }
        targets = TargetMatcher(selection)
        let asksNothing =
            kinds == 0 && sources.isEmpty && signals.isEmpty && sample == nil && texts.isEmpty && hubs.isEmpty
            && methods.isEmpty && targets == nil
        if asksNothing { return nil }
    }

    /// True if the payload is a whole envelope, and one of its messages fits.
    func fitsOne(of payload: UnsafeRawBufferPointer, _ form: EnvelopeForm) -> Bool {
        do throws(EnvelopeFault) {
            var envelope = try EnvelopeView(payload, form)
            var isFound = false
            // To the end in any case: only that shows that it decodes.
            while let message = try envelope.next() { isFound = isFound || fits(message) }
            return isFound
        } catch {
            return false
        }
    }

    private func fits(_ message: SentMessage) -> Bool {
        if kinds != 0, kinds & 1 << UInt32(message.kind.rawValue) == 0 { return false }
        if !sources.isEmpty {
            guard let sender = message.sender, sources.contains(where: { sender.elementsEqual($0) }) else {
                return false
            }
        }
        if let sample, !sample.includes(message.address) { return false }
        if !signals.isEmpty, !signals.contains(where: { $0.matches(message.address) }) { return false }
        if let targets, !targets.fits(message) { return false }
        if !texts.isEmpty {
            var isFound = false
            message.forEachValue { value in
                isFound = isFound || texts.contains { $0.isFound(in: value) }
            }
            if !isFound { return false }
        }
        return fitsCall(message)
    }

    /// Last, because a value that is scanned as JSON costs most.
    private func fitsCall(_ message: SentMessage) -> Bool {
        var asksForHub = !hubs.isEmpty
        if asksForHub, let hub = message.hub {
            guard hubs.contains(where: { names($0, hub, message) }) else { return false }
            asksForHub = false
        }
        guard asksForHub || !methods.isEmpty else { return true }
        guard let call = message.call else { return false }
        if asksForHub, !hubs.contains(where: { $0.equals(call.hub.raw, decoded: call.hub.text) }) { return false }
        return methods.isEmpty || methods.contains { Self.equals($0, call.method) }
    }

    /// ASP.NET Core hubs also match by the name of the class, because full names like
    /// ``RoomHub`1[[System.Int32, ...]]`` are inconvenient to write.
    private func names(_ wanted: CaselessName, _ hub: UnsafeRawBufferPointer, _ message: SentMessage) -> Bool {
        if wanted.equals(hub) { return true }
        guard case .core = message.wire else { return false }
        return wanted.equals(CoreEnvelopeView.className(hub))
    }

    private static func equals(_ name: CaselessName, _ text: TextInPlace) -> Bool {
        text.hasEscapes ? name.equals(text.text) : name.equals(text.raw)
    }
}

/// Names of groups, users and connections.
struct TargetMatcher: Sendable {
    private struct Name {
        let bytes: [UInt8]
        let caseless: CaselessName

        init(_ name: String) {
            bytes = Array(name.utf8)
            caseless = CaselessName(name)
        }
    }

    private let groups: [Name]
    private let users: [Name]
    private let connections: [Name]

    /// nil if nothing is asked.
    init?(_ selection: CaptureSelection) {
        groups = selection.groups.map { Name($0) }
        users = selection.users.map { Name($0) }
        connections = selection.connections.map { Name($0) }
        if groups.isEmpty, users.isEmpty, connections.isEmpty { return nil }
    }

    func fits(_ message: SentMessage) -> Bool {
        switch message.wire {
        case .signalR2:
            guard let target = message.target else { return false }
            let names =
                switch message.kind {
                case .group: groups
                case .user: users
                case .connection, .client: connections
                default: [Name]()
                }
            return names.contains { $0.caseless.equals(target) }
        case .core(let view):
            if case .groupCommand(let command) = view.payload {
                return Self.contains(groups, command.group) || Self.contains(connections, command.connection)
            }
            switch view.name.kind {
            case .group: return Self.contains(groups, view.name.name)
            case .user: return Self.contains(users, view.name.name)
            case .connection: return Self.contains(connections, view.name.name)
            case .all, .groupCommand, .ack, .result: return false
            }
        }
    }

    private static func contains(_ names: [Name], _ name: UnsafeRawBufferPointer) -> Bool {
        names.contains { name.elementsEqual($0.bytes) }
    }
}

/// A pattern for signals: `*` stands for any text, also none, `?` for one character. Case does not matter, as to nodes
/// (``CaselessName``).
struct Glob: Sendable {
    private static let any = UInt8(ascii: "*")
    private static let one = UInt8(ascii: "?")

    private let pattern: [UInt8]

    init(_ pattern: String) {
        var pattern = pattern
        self.pattern = pattern.withUTF8 { OrdinalCase.folded(UnsafeRawBufferPointer($0)) }
    }

    /// - Parameter text: UTF-8; what is malformed counts as U+FFFD.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        if OrdinalCase.isASCII(text) { return matchesFolded(text) }
        return OrdinalCase.folded(text).withUnsafeBytes { matchesFolded($0) }
    }

    /// - Parameter text: well-formed; beyond ASCII in upper case.
    private func matchesFolded(_ text: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        var position = 0
        // The position after the last `*`, and the end of the text matched by it so far.
        var retry: (place: Int, position: Int)?
        while position < text.count {
            let wanted = place < pattern.count ? pattern[place] : nil
            if wanted == Self.any {
                place += 1
                retry = (place, position)
            } else if wanted == Self.one {
                place += 1
                position = Self.characterEnd(in: text, from: position)
            } else if let wanted, wanted == OrdinalCase.uppercased(ascii: text[position]) {
                place += 1
                position += 1
            } else if let last = retry {
                // The last `*` takes one more; earlier ones never need to.
                position = Self.characterEnd(in: text, from: last.position)
                place = last.place
                retry = (place, position)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == Self.any }
    }

    private static func characterEnd(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start + 1
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }
}

/// A share of all signals, chosen by their names alone: what is chosen once is chosen in every capture, by every
/// version.
///
/// A signal is in if its hash lies below the share of 2^64. The hash: 64-bit FNV-1a over the signal's bytes, A to Z
/// taken as a to z, its bits then spread by the finalizer of MurmurHash3, because FNV alone leaves the high bits of
/// short names alike.
struct SignalSample: Sendable {
    private let limit: UInt64

    /// - Parameter percent: 0 for none to 100 for all.
    init(percent: Double) {
        let share = percent / 100 * 0x1p64
        limit = share >= 0x1p64 ? .max : UInt64(max(0, share))
    }

    func includes(_ signal: UnsafeRawBufferPointer) -> Bool {
        limit == .max || Self.hash(signal) < limit
    }

    static func hash(_ signal: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in signal {
            hash ^= UInt64(Self.lowercased(byte))
            hash &*= 0x100_0000_01b3
        }
        hash ^= hash >> 33
        hash &*= 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        hash &*= 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }

    @inline(__always)
    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }
}

/// Finds a text in values, either plain or as escaped in a JSON string by a node.
struct TextSearch: Sendable {
    private let plain: [UInt8]
    /// nil if JSON does not escape the text.
    private let escaped: [UInt8]?

    init(_ text: String) {
        plain = Array(text.utf8)
        var literal = JSONWriter()
        literal.string(text)
        let inner = Array(literal.bytes.dropFirst().dropLast())
        escaped = inner == plain ? nil : inner
    }

    func isFound(in value: UnsafeRawBufferPointer) -> Bool {
        Self.isFound(plain, in: value) || escaped.map { Self.isFound($0, in: value) } ?? false
    }

    private static func isFound(_ text: [UInt8], in value: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first else { return true }
        guard let start = value.baseAddress, value.count >= text.count else { return false }
        let lastStart = value.count - text.count
        var offset = 0
        while offset <= lastStart {
            guard let place = memchr(start + offset, CInt(first), lastStart - offset + 1) else { return false }
            if memcmp(place, text, text.count) == 0 { return true }
            offset = UnsafeRawPointer(place) - start + 1
        }
        return false
    }
}
