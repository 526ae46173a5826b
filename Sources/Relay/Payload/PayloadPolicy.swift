package import Capture
package import Cryptography

/// What of the payloads gets into the capture.
package struct PayloadPolicy: Sendable {
    package var mode: PayloadMode
    /// Names of JSON members whose values are left out, compared without case.
    package var redactedKeys: [String]
    /// For the hashes. Without a key of the user's a random one for each run: equal values can be told within it only.
    package var key: SymmetricKey
    /// For the hashes of the names of groups and users and of connection ids; nil records them as they are.
    package var namesKey: SymmetricKey?

    /// All of the payloads.
    package init() { self.init(mode: .full) }

    package init(mode: PayloadMode, redactedKeys: [String] = [], key: SymmetricKey = .random()) {
        self.mode = mode
        self.redactedKeys = redactedKeys
        self.key = key
    }

    /// True if payloads are recorded byte for byte.
    var leavesAll: Bool { mode == .full && redactedKeys.isEmpty && namesKey == nil }
}
