/// A secret of any length. Its description does not contain it, so that it cannot appear in logs.
package struct SymmetricKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    private static let randomBytes = 32

    let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// 256 random bits.
    package static func random() -> SymmetricKey {
        var generator = SystemRandomNumberGenerator()
        return SymmetricKey((0..<randomBytes).map { _ in .random(in: .min ... .max, using: &generator) })
    }

    /// Derives a key for one purpose by HKDF with SHA-256 and no salt (RFC 5869): the first 32 bytes.
    package func derived(for info: String) -> SymmetricKey {
        let noSalt = SymmetricKey([UInt8](repeating: 0, count: SHA256.byteCount))
        let extracted = SymmetricKey(HMACSHA256.code(of: bytes, key: noSalt).bytes)
        return SymmetricKey(HMACSHA256.code(of: Array(info.utf8) + [1], key: extracted).bytes)
    }

    package var description: String { "(key)" }
    package var debugDescription: String { description }
}
