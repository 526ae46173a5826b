import COpenSSL

/// A hash, compared in constant time.
package struct Digest: Hashable, Sendable {
    /// 32 bytes for SHA-256, 20 for SHA-1.
    package let bytes: [UInt8]

    /// Lower-case hexadecimal digits.
    package var hex: String { bytes.hex }

    /// Takes the same time whether or not they are equal, so that timing reveals nothing.
    package static func == (left: Digest, right: Digest) -> Bool {
        guard left.bytes.count == right.bytes.count else { return false }
        return zip(left.bytes, right.bytes).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
    }
}

extension Collection<UInt8> {
    /// Two lower-case hexadecimal digits per byte.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
    }
}

/// FIPS 180-4, by libcrypto.
package enum SHA256 {
    static let byteCount = 32

    package static func hash(_ bytes: [UInt8]) -> Digest { digest(of: bytes, EVP_sha256(), byteCount) }
}

/// Only for Redis, which identifies scripts by it.
package enum SHA1 {
    private static let byteCount = 20

    package static func hash(_ bytes: [UInt8]) -> Digest { digest(of: bytes, EVP_sha1(), byteCount) }
}

private func digest(of bytes: [UInt8], _ algorithm: OpaquePointer?, _ byteCount: Int) -> Digest {
    var digest = [UInt8](repeating: 0, count: byteCount)
    let code = EVP_Digest(bytes, bytes.count, &digest, nil, algorithm, nil)
    precondition(code == 1, "libcrypto cannot hash: is it limited to other algorithms?")
    return Digest(bytes: digest)
}

/// HMAC with SHA-256 (RFC 2104).
package enum HMACSHA256 {
    /// FIPS 198-1; 32 bytes.
    package static func code(of bytes: [UInt8], key: SymmetricKey) -> Digest {
        var code = [UInt8](repeating: 0, count: SHA256.byteCount)
        var length: UInt32 = 0
        let made = HMAC(EVP_sha256(), key.bytes, Int32(key.bytes.count), bytes, bytes.count, &code, &length)
        precondition(
            made != nil && length == code.count, "libcrypto cannot make an HMAC: is it limited to other algorithms?")
        return Digest(bytes: code)
    }
}
