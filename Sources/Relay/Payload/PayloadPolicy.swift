public import Capture
public import Crypto

/// What of the payloads gets into the capture.
public struct PayloadPolicy: Sendable {
    public var mode: PayloadMode
    /// Names of JSON members whose values are left out, compared without case.
    public var redactedKeys: [String]
    /// For the hashes. Without a key of the user's a random one for each run: equal values can be told within it only.
    public var key: SymmetricKey

    public init(
        mode: PayloadMode = .full, redactedKeys: [String] = [], key: SymmetricKey = SymmetricKey(size: .bits256)
    ) {
        self.mode = mode
        self.redactedKeys = redactedKeys
        self.key = key
    }

    /// True if payloads are recorded byte for byte.
    var leavesAll: Bool { mode == .full && redactedKeys.isEmpty }
}
