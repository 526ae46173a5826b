import Backplane
import Testing

@Suite struct ReissueTests {
    static let payloads: [(String, blob: String?)] = [
        ("1 blob", "blob"),
        ("18446744073709551615 blob", "blob"),
        ("0 ", ""),
        ("42  two spaces", " two spaces"),
        ("007 blob", "blob"),
        ("1e+14 blob", "blob"),
        ("1.2345678901234e+15 blob", "blob"),
        ("99999999999999999999 above 64 bits", "above 64 bits"),
        ("", nil),
        (" blob", nil),
        ("12", nil),
        ("hello world", nil),
        ("-1 blob", nil),
        ("1\tblob", nil),
        ("1x blob", nil),
        ("1234567890123456789012345 blob", nil),
    ]

    @Test(arguments: payloads) func theBlobAfterTheID(payload: String, blob: String?) {
        let found = Array(payload.utf8).withUnsafeBytes { bytes in
            Reissue.blob(of: bytes).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(found == blob)
    }

    @Test func blobsAreNotText() {
        let payload = Array("5 ".utf8) + [0x00, 0xFF, 0x20, 0x0A]
        #expect(payload.withUnsafeBytes { Reissue.blob(of: $0).map(Array.init) } == [0x00, 0xFF, 0x20, 0x0A])
    }
}
