import Backplane
package import Capture
package import Cryptography

/// Which parts of payloads are recorded.
package struct PayloadPolicy: Sendable {
    package var mode: PayloadMode
    /// Names of JSON members whose values are left out, case-insensitive.
    package var redactedKeys: [String]
    /// For the hashes. Without a user's key, a random one per run: equal values are recognizable within a run only.
    package var key: SymmetricKey
    /// For the hashes of names of groups and users and of connection ids; nil records them unchanged.
    package var namesKey: SymmetricKey?

    /// Complete payloads.
    package init() { self.init(mode: .full) }

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
    /// nil if names stay.
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
