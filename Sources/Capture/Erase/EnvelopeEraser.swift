import Backplane

/// Removes the data of one person from envelopes. Decision logic without I/O. Envelopes must come in recording order,
/// because only the preceding command shows which connection an ack belongs to.
///
/// A SignalR 2 envelope keeps its id and loses its messages, so that no id is missing. An ASP.NET Core envelope has no
/// id and is removed.
struct EnvelopeEraser {
    enum Outcome {
        /// Unchanged.
        case kept
        /// The new payload or record, and the number of removed messages.
        case changed([UInt8], removed: Int)
        case removed
    }

    /// Replaces a name in a list of excluded recipients.
    static let placeholder = "erased"
    /// Maximum number of erased commands and calls whose answers are recognized.
    private static let rememberedLimit = 1 << 20

    /// What was erased, by reason: messages of SignalR 2 and envelopes of ASP.NET Core.
    private(set) var counts: [ErasedPart: Int] = [:]
    /// Remaining envelopes that still contain one of the names or texts.
    private(set) var mentions = 0

    private let users: [CaselessName]
    private let userBytes: [[UInt8]]
    private let connections: [CaselessName]
    private let connectionBytes: [[UInt8]]
    private let texts: [TextSearch]
    private let names: [TextSearch]
    private let hash = ByteHash()
    /// Erased commands and calls: hashes of the ids by which their answers refer to them.
    private var commands: Set<UInt64> = []

    init(_ person: ErasedPerson) {
        users = person.users.map { CaselessName($0) }
        userBytes = person.users.map { Array($0.utf8) }
        connections = person.connections.map { CaselessName($0) }
        connectionBytes = person.connections.map { Array($0.utf8) }
        texts = person.texts.map { TextSearch($0) }
        names = (person.users + person.connections).map { TextSearch($0) }
    }

    /// - Parameters:
    ///   - bytes: the envelope as recorded.
    ///   - receivedAt: nanoseconds since 1970.
    mutating func erase(_ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm, receivedAt: UInt64) -> Outcome {
        let outcome: Outcome
        switch form {
        case .signalR2: outcome = eraseSignalR2(bytes, receivedAt: receivedAt)
        case .core(let prefixCount, let rootCount): outcome = eraseCore(bytes, prefixCount, rootCount)
        }
        switch outcome {
        case .kept: if mentions(bytes) { mentions += 1 }
        case .changed(let left, _): if left.withUnsafeBytes({ mentions($0) }) { mentions += 1 }
        case .removed: break
        }
        return outcome
    }

    private func mentions(_ bytes: UnsafeRawBufferPointer) -> Bool {
        names.contains { $0.isFound(in: bytes) } || texts.contains { $0.isFound(in: bytes) }
    }

    private func hasText(_ bytes: UnsafeRawBufferPointer) -> Bool { texts.contains { $0.isFound(in: bytes) } }

    private mutating func count(_ part: ErasedPart) { counts[part, default: 0] += 1 }

    private mutating func remember(_ key: [UInt8]) {
        guard commands.count < Self.rememberedLimit else { return }
        commands.insert(key.withUnsafeBytes { hash.of($0) })
    }

    private func remembers(_ key: [UInt8]) -> Bool {
        !commands.isEmpty && commands.contains(key.withUnsafeBytes { hash.of($0) })
    }

    // MARK: - SignalR 2

    private mutating func eraseSignalR2(_ payload: UnsafeRawBufferPointer, receivedAt: UInt64) -> Outcome {
        let blobOffset = (try? EnvelopeID.parse(payload))?.blobOffset
        guard let blobOffset,
            var body = try? ScaleoutMessage(decoding: UnsafeRawBufferPointer(rebasing: payload[blobOffset...]))
        else {
            guard mentions(payload) else { return .kept }
            count(.undecodable)
            // Without an id, removing it leaves no gap.
            guard let blobOffset else { return .removed }
            let empty = ScaleoutMessage(
                messages: [], createdTicks: DotNetTicks(unixNanoseconds: Int64(clamping: receivedAt)).rawValue)
            return .changed(Array(payload[..<blobOffset]) + empty.encoded(), removed: 1)
        }
        var left: [Message] = []
        var isChanged = false
        for var message in body.messages {
            if let part = part(of: message) {
                count(part)
                if part == .command || part == .connection, !message.commandID.isEmpty {
                    remember(Array(message.commandID.utf8))
                }
                continue
            }
            if let filter = replaced(message.filter) {
                message.filter = filter
                isChanged = true
                count(.excluded)
            }
            left.append(message)
        }
        let removed = body.messages.count - left.count
        guard removed > 0 || isChanged else { return .kept }
        body.messages = left
        return .changed(Array(payload[..<blobOffset]) + body.encoded(), removed: removed)
    }

    private func part(of message: Message) -> ErasedPart? {
        if !message.commandID.isEmpty, message.isAck, remembers(Array(message.commandID.utf8)) { return .answer }
        if concerns(message.signal) {
            if case .user = message.signal { return .user }
            return message.kind == .command ? .command : .connection
        }
        if !connections.isEmpty, connections.contains(where: { $0.equals(message.source) }) { return .sent }
        guard !texts.isEmpty else { return nil }
        let fields = [Array(message.source.utf8), Array(message.key.utf8), Array(message.filter.utf8), message.value]
        return fields.contains { $0.withUnsafeBytes { hasText($0) } } ? .matching : nil
    }

    private func concerns(_ signal: Signal) -> Bool {
        switch signal {
        case .client(_, let id), .connection(let id): connections.contains { $0.equals(id) }
        case .user(_, let user): users.contains { $0.equals(user) }
        case .hub, .group, .persistentConnection, .persistentConnectionGroup, .ack, .other: false
        }
    }

    /// - Returns: the filter with the person's names replaced; nil if it contains none.
    private func replaced(_ filter: String) -> String? {
        guard !filter.isEmpty else { return nil }
        var isChanged = false
        let parts = filter.utf8.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map { part in
            let key = String(Substring(part))
            let signal = Signal(key: key)
            guard concerns(signal) else { return key }
            isChanged = true
            switch signal {
            case .client(let hub, _): return Signal.client(hub: hub, connectionID: Self.placeholder).key
            case .user(let hub, _): return Signal.user(hub: hub, userID: Self.placeholder).key
            default: return Signal.connection(Self.placeholder).key
            }
        }
        return isChanged ? parts.joined(separator: "|") : nil
    }

    // MARK: - ASP.NET Core

    private mutating func eraseCore(_ bytes: UnsafeRawBufferPointer, _ prefixCount: Int, _ rootCount: Int) -> Outcome {
        guard let record = try? CoreRecord(bytes), record.channel.count > rootCount,
            let name = CoreChannelName(record.channel, rootCount: rootCount),
            let payload = try? CorePayloadView(name.kind, record.payload)
        else {
            guard mentions(bytes) else { return .kept }
            count(.undecodable)
            return .removed
        }
        if let part = part(of: payload, name, record) {
            count(part)
            rememberAnswer(to: payload, name, record, rootCount)
            return .removed
        }
        if let view = answered(payload, name, record, rootCount) {
            count(view)
            return .removed
        }
        if hasText(bytes) {
            count(.matching)
            return .removed
        }
        guard case .invocation(let view) = payload, !connectionBytes.isEmpty, view.excludedCount > 0,
            let changed = replaced(view)
        else { return .kept }
        count(.excluded)
        return .changed(CoreRecord.bytes(channel: Array(record.channel), payload: changed), removed: 0)
    }

    private func part(
        of payload: CorePayloadView, _ name: CoreChannelName, _ record: CoreRecord
    ) -> ErasedPart? {
        switch payload {
        case .groupCommand(let command): return isConnection(command.connection) ? .command : nil
        case .invocation(let invocation):
            switch name.kind {
            case .user: return userBytes.contains { name.name.elementsEqual($0) } ? .user : nil
            case .connection:
                guard isConnection(name.name) else { return nil }
                return invocation.itemCount > 3 ? .command : .connection
            default: return nil
            }
        case .ack, .completion: return nil
        }
    }

    private func isConnection(_ id: UnsafeRawBufferPointer) -> Bool {
        connectionBytes.contains { id.elementsEqual($0) }
    }

    private mutating func rememberAnswer(
        to payload: CorePayloadView, _ name: CoreChannelName, _ record: CoreRecord, _ rootCount: Int
    ) {
        switch payload {
        case .groupCommand(let command):
            remember(Self.key(record.channel[..<rootCount], command.server, "\(command.id)".utf8))
        case .invocation(let invocation):
            if let id = invocation.invocationID { remember(Self.key(record.channel[..<rootCount], id, "call".utf8)) }
        case .ack, .completion: break
        }
    }

    /// - Returns: ``ErasedPart/answer`` if it answers an erased command or call; else nil.
    private func answered(
        _ payload: CorePayloadView, _ name: CoreChannelName, _ record: CoreRecord, _ rootCount: Int
    ) -> ErasedPart? {
        guard !commands.isEmpty else { return nil }
        let root = record.channel[..<rootCount]
        switch payload {
        case .ack(let ack): return remembers(Self.key(root, name.name, "\(ack.id)".utf8)) ? .answer : nil
        case .completion(let completion):
            guard let message = try? completion.message(), let id = message.invocationID?.text else { return nil }
            return remembers(Self.key(root, id.utf8, "call".utf8)) ? .answer : nil
        case .invocation, .groupCommand: return nil
        }
    }

    private static func key(
        _ root: some Collection<UInt8>, _ first: some Collection<UInt8>, _ second: some Collection<UInt8>
    ) -> [UInt8] {
        Array(root) + [0] + Array(first) + [0] + Array(second)
    }

    /// - Returns: the payload with the person's connections replaced among the excluded; nil if it contains none.
    private func replaced(_ view: CoreInvocationView) -> [UInt8]? {
        var isFound = false
        view.forEachExcluded { isFound = isFound || isConnection($0) }
        guard isFound else { return nil }
        var invocation = CoreInvocation(view)
        for index in invocation.excluded.indices
        where connectionBytes.contains(where: { invocation.excluded[index].utf8.elementsEqual($0) }) {
            invocation.excluded[index] = Self.placeholder
        }
        return invocation.encoded()
    }
}
