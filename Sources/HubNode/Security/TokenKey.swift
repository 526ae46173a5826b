import Cryptography

/// The secret that seals tokens. Nodes behind one load balancer share it, so that each accepts what another gave out.
public struct TokenKey: Sendable, CustomStringConvertible {
    let key: SymmetricKey

    /// A key that no other node has.
    public static func random() -> TokenKey {
        TokenKey(key: .random())
    }

    /// - Parameter secret: any bytes, at least 32, that are hard to guess.
    /// - Returns: nil if there are fewer.
    public init?(secret: [UInt8]) {
        guard secret.count >= 32 else { return nil }
        key = SymmetricKey(secret).derived(for: "backplane-relay tokens")
    }

    private init(key: SymmetricKey) {
        self.key = key
    }

    public var description: String { "(token key)" }
}
