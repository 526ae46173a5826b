import Testing
import Time

@testable import TLS

@Suite struct TLSFailureTests {
    @Test(
        arguments: [
            ("CERTIFICATE_VERIFY_FAILED", .unknownAuthority),
            ("TLSV1_ALERT_CERTIFICATE_REQUIRED", .clientCertificateDemanded),
            ("SSLV3_ALERT_HANDSHAKE_FAILURE", .clientCertificateDemanded),
            ("TLSV1_ALERT_UNKNOWN_CA", .clientCertificateRefused("unknown_ca")),
            ("SSLV3_ALERT_CERTIFICATE_EXPIRED", .clientCertificateRefused("certificate_expired")),
            ("WRONG_VERSION_NUMBER", .notTLS), ("UNSUPPORTED_PROTOCOL", .version),
            ("TLSV1_ALERT_PROTOCOL_VERSION", .version), ("EOF during handshake", .closed),
            ("something else", .other("error: something else")),
        ] as [(String, TLSFailure)])
    func words(words: String, expected: TLSFailure) {
        #expect(TLSFailure(words: "error: \(words)", validity: nil, at: 100) == expected)
    }

    @Test(arguments: [
        (
            "handshakeFailed([Error: 268435 error:100000f7:SSL routines:OPENSSL_internal:BAD_SIGNATURE])",
            "bad signature"
        ),
        ("something else", "see the server's log"),
    ])
    func otherWords(words: String, plain: String) {
        #expect(TLSFailure.other(words).description == "the handshake failed: \(plain)")
    }

    @Test(
        arguments: [
            (0, 99, .expired(99)), (101, 200, .notYetValid), (0, 200, .unknownAuthority),
        ] as [(Int, Int, TLSFailure)])
    func failedVerification(from: Int, until: Int, expected: TLSFailure) {
        #expect(TLSFailure(words: "CERTIFICATE_VERIFY_FAILED", validity: (from, until), at: 100) == expected)
    }

    @Test(arguments: [
        (0, "1970-01-01"), (86_399, "1970-01-01"), (86_400, "1970-01-02"), (951_782_400, "2000-02-29"),
        (1_750_000_000, "2025-06-15"), (4_107_542_400, "2100-03-01"), (-1, "1969-12-31"),
    ])
    func dates(seconds: Int, expected: String) {
        #expect(UTCTime.date(unixSeconds: seconds) == expected)
    }
}
