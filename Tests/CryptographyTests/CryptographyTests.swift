import Testing

@testable import Cryptography

/// Test vectors of the standards, and data sealed earlier by swift-crypto.
@Suite struct CryptographyTests {
    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex)
        return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
    }

    @Test(
        "SHA-256 of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ])
    func sha256(text: String, digest: String) {
        #expect(SHA256.hash(Array(text.utf8)).hex == digest)
    }

    @Test("SHA-1 of FIPS 180-4")
    func sha1() {
        #expect(SHA1.hash(Array("abc".utf8)).hex == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }

    @Test("HMAC of RFC 4231, cases 2 and 6")
    func hmac() {
        #expect(
            HMACSHA256.code(of: Array("what do ya want for nothing?".utf8), key: SymmetricKey(Array("Jefe".utf8))).hex
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            HMACSHA256.code(
                of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                key: SymmetricKey([UInt8](repeating: 0xAA, count: 131))
            ).hex == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test("HKDF of RFC 5869, case 3: no salt, no info")
    func hkdf() {
        let key = SymmetricKey([UInt8](repeating: 0x0B, count: 22)).derived(for: "")
        #expect(key.bytes.hex == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
    }

    @Test("AES-256-GCM of the GCM specification, case 15, is opened")
    func aesGCM() {
        let key = SymmetricKey(Self.bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let text =
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
            + "b16aedf5aa0de657ba637b391aafd255"
        let sealed =
            "cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48"
            + "590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c"
        #expect(AESGCM.open(Self.bytes(sealed), key: key, purpose: [])?.hex == text)
    }

    @Test func `sealed data opens only unchanged, with its key and for its purpose`() throws {
        let key = SymmetricKey.random()
        for text in [[], Array("7c5d:ann".utf8), [UInt8](repeating: 7, count: 10_000)] {
            let sealed = try #require(AESGCM.seal(text, key: key, purpose: [1]))
            #expect(AESGCM.open(sealed, key: key, purpose: [1]) == text)
            #expect(AESGCM.open(sealed, key: key, purpose: [2]) == nil)
            #expect(AESGCM.open(sealed, key: .random(), purpose: [1]) == nil)
            for cut in 0..<min(sealed.count, 40) {
                #expect(AESGCM.open(Array(sealed[..<cut]), key: key, purpose: [1]) == nil)
            }
            for index in sealed.indices.prefix(40) {
                var changed = sealed
                changed[index] ^= 1
                #expect(AESGCM.open(changed, key: key, purpose: [1]) == nil)
            }
        }
    }

    @Test func `no description shows a key`() {
        #expect("\(SymmetricKey(Array("secret".utf8)))" == "(key)")
        #expect(String(reflecting: SymmetricKey(Array("secret".utf8))) == "(key)")
    }
}
