import Backplane
package import Capture
package import Cryptography

/// Which parts of payloads are recorded.
package struct PayloadPolicy: Sendable {
    /// How much of the values of messages is recorded.
    package var mode: PayloadMode
    /// Names of JSON members whose values are left out, case-insensitive.
    package var redactedKeys: [String]
    /// For the hashes. Without a user's key, a random one per run: equal values are recognizable within a run only.
    package var key: SymmetricKey
    /// For the hashes of names of groups and users and of connection ids; nil records them unchanged.
    package var namesKey: SymmetricKey?

    /// Complete payloads.
    package init() { self.init(mode: .full) }

    /// - Parameters:
    ///   - redactedKeys: names of JSON members whose values are left out; case-insensitive.
    ///   - key: for hashes of values, in mode `hash`.
    package init(mode: PayloadMode, redactedKeys: [String] = [], key: SymmetricKey = .random()) {
        self.mode = mode
        self.redactedKeys = redactedKeys
        self.key = key
    }

    /// True if payloads are recorded byte for byte.
    package var leavesAll: Bool { mode == .full && redactedKeys.isEmpty && namesKey == nil }
}

/// Redacts a payload: the result is well-formed, with the same id, time, signals and commands.
///
/// Equal strings, and equal numbers, have equal hashes under one key.
struct PayloadFilter {
    /// Hexadecimal digits of a hash: 64 bits, enough to distinguish values.
    static let hashDigits = 16

    let mode: PayloadMode
    let key: SymmetricKey
    let redactor: JSONRedactor
    /// nil if names are recorded unchanged.
    let names: NamesFilter?
    /// In lower case.
    let hiddenMembers: [String]

    init(_ policy: PayloadPolicy) {
        mode = policy.mode
        key = policy.key
        names = policy.namesKey.map { NamesFilter(key: $0) }
        hiddenMembers = policy.redactedKeys.map { $0.lowercased() }
        let key = policy.key
        redactor = JSONRedactor(
            hiddenMembers: policy.redactedKeys,
            replacement: policy.mode != .hash
                ? nil
                : { scalar in
                    switch scalar {
                    case .string(let text): Self.hash(text.utf8, kind: "s", key: key)
                    case .number(let digits): Self.hash(digits, kind: "n", key: key)
                    }
                })
    }

    func filtered(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
        do throws(EnvelopeError) {
            var envelope = try Envelope(decoding: payload)
            let blobOffset = try EnvelopeID.parse(payload).blobOffset
            for index in envelope.body.messages.indices {
                envelope.body.messages[index].value = filtered(envelope.body.messages[index])
                names?.rename(&envelope.body.messages[index])
            }
            return Array(payload[..<blobOffset]) + envelope.body.encoded()
        } catch {
            return filteredUndecodable(payload)
        }
    }

    private func filtered(_ message: Message) -> [UInt8] {
        // A command contains a group's key but no user data; without it groups cannot be followed.
        if !message.commandID.isEmpty, (try? Command(decoding: message.value)) != nil { return message.value }
        switch mode {
        case .none: return []
        case .full, .hash: break
        }
        guard !message.value.isEmpty else { return [] }
        return message.value.withUnsafeBytes { value in
            // Hub and method, shown by 'cat', are not user data.
            let keeping = HubInvocation(scanning: value) != nil ? ["H", "M"] : []
            if let redacted = redactor.redacted(value, keeping: keeping) { return redacted }
            if mode == .hash { return quotedHash(value) }
            // It cannot be searched for values to hide: hide it completely if it looks like JSON.
            return Self.looksLikeJSON(value) ? Array("\"\(JSONRedactor.hidden)\"".utf8) : Array(value)
        }
    }

    /// Keeps id and space, if any; the rest is hashed or left out.
    private func filteredUndecodable(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
        let start = (try? EnvelopeID.parse(payload).blobOffset) ?? 0
        let rest = UnsafeRawBufferPointer(rebasing: payload[start...])
        switch mode {
        case .none: return Array(payload[..<start])
        case .hash: return Array(payload[..<start]) + Array(Self.hash(rest, kind: "b", key: key).utf8)
        // Names may be anywhere in it.
        case .full: return names == nil ? Array(payload) : Array(payload[..<start])
        }
    }

    private func quotedHash(_ value: UnsafeRawBufferPointer) -> [UInt8] {
        Array("\"\(Self.hash(value, kind: "b", key: key))\"".utf8)
    }

    private static func looksLikeJSON(_ value: UnsafeRawBufferPointer) -> Bool {
        let first = value.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    }

    static func hash(_ bytes: some Sequence<UInt8>, kind: String, key: SymmetricKey) -> String {
        HMACSHA256.code(of: Array(kind.utf8) + Array(bytes), key: key).bytes.prefix(hashDigits / 2).hex
    }
}

/// The hashes that stand for a person's names in a capture that was recorded with hashed names.
package struct HashedNames {
    private let filter: NamesFilter

    /// - Parameter key: that of the recording.
    package init(key: SymmetricKey) {
        filter = NamesFilter(key: key)
    }

    /// The hashes of a user name: SignalR 2 ignores case, ASP.NET Core does not.
    package func user(_ name: String) -> [String] {
        [filter.caseless(name, .user), filter.hash(Array(name.utf8), .user)]
    }

    /// The hash that stands for a connection id on both backplanes.
    package func connection(_ id: String) -> String { filter.connection(id) }
}

/// Replaces names of groups and users and ids of connections by keyed hashes: equal names have equal hashes under one
/// key, in every capture. Hubs, methods, event keys and nodes stay.
///
/// In SignalR 2 groups and users are case-insensitive, so names that differ only in case have the same hash.
struct NamesFilter {
    fileprivate enum Kind: String {
        case group = "g"
        case user = "u"
        case connection = "c"
    }

    private let key: SymmetricKey

    init(key: SymmetricKey) {
        self.key = key
    }

    fileprivate func hash(_ name: some Collection<UInt8>, _ kind: Kind) -> String {
        HMACSHA256.code(of: Array(kind.rawValue.utf8) + Array(name), key: key).bytes.prefix(
            PayloadFilter.hashDigits / 2
        ).hex
    }

    // MARK: - SignalR 2

    func rename(_ message: inout Message) {
        message.source = connection(message.source)
        message.key = signal(message.key)
        if !message.filter.isEmpty {
            message.filter = message.filter.split(separator: "|", omittingEmptySubsequences: false)
                .map { signal(String($0)) }.joined(separator: "|")
        }
        guard !message.commandID.isEmpty, var command = try? Command(decoding: message.value), let group = command.value
        else { return }
        command.value = signal(group)
        message.value = command.encoded()
    }

    fileprivate func connection(_ id: String) -> String { hash(Array(id.utf8), .connection) }

    fileprivate func caseless(_ name: String, _ kind: Kind) -> String {
        hash(Array(CaselessName(name).description.utf8), kind)
    }

    private func signal(_ key: String) -> String {
        switch Signal(key: key) {
        case .hub, .persistentConnection, .ack: key
        case .client(let hub, let id): Signal.client(hub: hub, connectionID: connection(id)).key
        case .group(let hub, let group): Signal.group(hub: hub, group: caseless(group, .group)).key
        case .user(let hub, let user): Signal.user(hub: hub, userID: caseless(user, .user)).key
        case .connection(let id): Signal.connection(connection(id)).key
        case .persistentConnectionGroup(let type, let group):
            Signal.persistentConnectionGroup(type: type, group: caseless(group, .group)).key
        // The meaning of the name is unknown.
        case .other(let key): caseless(key, .group)
        }
    }

    // MARK: - ASP.NET Core

    /// - Parameter rootCount: bytes of the channel that name the hub.
    func renamed(channel: UnsafeRawBufferPointer, rootCount: Int) -> [UInt8] {
        guard channel.count > rootCount, let name = CoreChannelName(channel, rootCount: rootCount) else {
            return Array(channel.prefix(rootCount)) + Array(":".utf8)
                + Array(hash(channel.dropFirst(rootCount), .group).utf8)
        }
        let kind: Kind
        switch name.kind {
        case .group: kind = .group
        case .user: kind = .user
        case .connection: kind = .connection
        case .all, .groupCommand, .ack, .result: return Array(channel)
        }
        return Array(channel.dropLast(name.name.count)) + Array(hash(name.name, kind).utf8)
    }

    func rename(_ payload: inout CorePayload) {
        switch payload {
        case .invocation(var invocation):
            invocation.excluded = invocation.excluded.map { connection($0) }
            payload = .invocation(invocation)
        case .groupCommand(var command):
            command.group = hash(Array(command.group.utf8), .group)
            command.connection = connection(command.connection)
            payload = .groupCommand(command)
        case .ack, .completion: break
        }
    }
}
