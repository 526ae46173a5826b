import Backplane

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

    /// nil if it asks nothing.
    init?(_ selection: CaptureSelection) {
        kinds = selection.kinds.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
        sources = selection.sources.map { Array($0.utf8) }
        signals = selection.signals.map { Glob($0) }
        sample = selection.samplePercent.map { SignalSample(percent: $0) }
        texts = selection.texts.map { TextSearch($0) }
        hubs = selection.hubs.map { CaselessName($0) }
        methods = selection.methods.map { CaselessName($0) }
        let asksNothing =
            kinds == 0 && sources.isEmpty && signals.isEmpty && sample == nil && texts.isEmpty && hubs.isEmpty
            && methods.isEmpty
        if asksNothing { return nil }
    }

    /// True if the payload is a whole envelope, and one of its messages fits.
    func fitsOne(of payload: UnsafeRawBufferPointer) -> Bool {
        do throws(EnvelopeError) {
            var walk = try EnvelopeWalk(payload)
            var isFound = false
            // To the end in any case: only that shows that it decodes.
            while let message = try walk.next() { isFound = isFound || fits(message) }
            return isFound
        } catch {
            return false
        }
    }

    private func fits(_ message: MessageView) -> Bool {
        if kinds != 0, kinds & 1 << UInt32(message.kind.rawValue) == 0 { return false }
        if !sources.isEmpty, !sources.contains(where: { message.source.elementsEqual($0) }) { return false }
        if let sample, !sample.includes(message.key) { return false }
        if !signals.isEmpty, !signals.contains(where: { $0.matches(message.key) }) { return false }
        if !texts.isEmpty, !texts.contains(where: { $0.isFound(in: message.value) }) { return false }
        return fitsCall(message)
    }

    /// Last, because a value that is scanned as JSON costs most.
    private func fitsCall(_ message: MessageView) -> Bool {
        var asksForHub = !hubs.isEmpty
        if asksForHub, let hub = Self.hub(of: message.key) {
            guard hubs.contains(where: { $0.equals(hub) }) else { return false }
            asksForHub = false
        }
        guard asksForHub || !methods.isEmpty else { return true }
        guard let call = HubInvocation(scanning: message.value) else { return false }
        if asksForHub, !hubs.contains(where: { $0.equals(call.hub, decoded: call.hubName) }) { return false }
        return methods.isEmpty || methods.contains { $0.equals(call.method, decoded: call.methodName) }
    }

    /// The hub that a signal names, as ``Signal`` reads it; nil if it names none.
    private static func hub(of key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let dash = UInt8(ascii: "-")
        guard key.count > 2, key[0] == UInt8(ascii: "h") else { return nil }
        if key[1] == dash { return UnsafeRawBufferPointer(rebasing: key[2...]) }
        switch key[1] {
        case UInt8(ascii: "c"), UInt8(ascii: "g"), UInt8(ascii: "u"):
            guard key[2] == dash, let dot = key.firstIndex(of: UInt8(ascii: ".")), dot >= 3 else { return nil }
            return UnsafeRawBufferPointer(rebasing: key[3..<dot])
        default: return nil
        }
    }
}
