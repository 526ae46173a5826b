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

    /// A class of ASP.NET Core goes by its own name, too: hardly anybody writes all of ``RoomHub`1[[System.Int32, ...]]``.
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
