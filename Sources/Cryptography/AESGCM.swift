import COpenSSL

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D). Sealed text is nonce (12 bytes), ciphertext, tag (16 bytes).
package enum AESGCM {
    private static let keyBytes = 32
    private static let nonceBytes = 12
    private static let tagBytes = 16

    /// Encrypts with a fresh random nonce.
    ///
    /// - Parameters:
    ///   - key: of 32 bytes.
    ///   - purpose: authenticated but not contained; must be the same for opening.
    /// - Returns: nil if libcrypto is out of memory.
    package static func seal(_ text: [UInt8], key: SymmetricKey, purpose: [UInt8]) -> [UInt8]? {
        precondition(key.bytes.count == keyBytes, "AES-256 takes a key of 32 bytes")
        var generator = SystemRandomNumberGenerator()
        let nonce = (0..<nonceBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        var sealed = [UInt8](repeating: 0, count: text.count)
        var tag = [UInt8](repeating: 0, count: tagBytes)
        let isDone = withContext { context in
            var written: Int32 = 0
            return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key.bytes, nonce) == 1
                && EVP_EncryptUpdate(context, nil, &written, purpose, Int32(purpose.count)) == 1
                && EVP_EncryptUpdate(context, &sealed, &written, text, Int32(text.count)) == 1
                && EVP_EncryptFinal_ex(context, nil, &written) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), &tag) == 1
        }
        return isDone ? nonce + sealed + tag : nil
    }

    /// - Returns: nil unless it was sealed with this key and purpose, and is unmodified.
    package static func open(_ sealed: [UInt8], key: SymmetricKey, purpose: [UInt8]) -> [UInt8]? {
        precondition(key.bytes.count == keyBytes, "AES-256 takes a key of 32 bytes")
        guard sealed.count >= nonceBytes + tagBytes, sealed.count <= Int32.max else { return nil }
        let nonce = Array(sealed[..<nonceBytes])
        let body = Array(sealed[nonceBytes..<sealed.count - tagBytes])
        var tag = Array(sealed[(sealed.count - tagBytes)...])
        var text = [UInt8](repeating: 0, count: body.count)
        let isGenuine = withContext { context in
            var written: Int32 = 0
            return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key.bytes, nonce) == 1
                && EVP_DecryptUpdate(context, nil, &written, purpose, Int32(purpose.count)) == 1
                && EVP_DecryptUpdate(context, &text, &written, body, Int32(body.count)) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1
                && EVP_DecryptFinal_ex(context, nil, &written) == 1
        }
        return isGenuine ? text : nil
    }

    private static func withContext(_ body: (OpaquePointer) -> Bool) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { return false }
        defer { EVP_CIPHER_CTX_free(context) }
        return body(context)
    }
}

/// A secret of any length. Its description does not contain it, so that it cannot appear in logs.
package struct SymmetricKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    private static let randomBytes = 32

    let bytes: [UInt8]

    /// - Parameter bytes: 32 for ``AESGCM``, any number for ``HMACSHA256``.
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
