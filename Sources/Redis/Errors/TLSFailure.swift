import Time

/// Why a TLS connection did not come about, or not last.
package enum TLSFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The server's certificate is no longer valid; since when, in seconds since 1970.
    case expired(Int)
    /// The server's certificate is not valid yet.
    case notYetValid
    /// No authority that we trust has signed the server's certificate.
    case unknownAuthority
    case wrongHost(expected: String)
    case clientCertificateDemanded
    /// The server does not accept our certificate; the alert's name.
    case clientCertificateRefused(String)
    /// What answered does not speak TLS.
    case notTLS
    /// No version of TLS suits both.
    case version
    /// The server closed the connection during the handshake or before its first answer.
    case closed
    case noAnswer(seconds: Int)
    /// Anything else; BoringSSL's words.
    case other(String)

    /// True if the same attempt may succeed later.
    package var isTransient: Bool {
        switch self {
        case .closed, .noAnswer: true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .expired(let time):
            "the server's certificate has expired\(Self.date(time)); renew it there, and check this machine's clock"
        case .notYetValid:
            "the server's certificate is not valid yet; check this machine's clock"
        case .unknownAuthority:
            "the server's certificate is signed by no authority that is trusted here; name the authority's certificate with --redis-ca-file"
        case .wrongHost(let expected):
            "the server's certificate is not for '\(expected)'; connect by the name it is for, or give that name with --redis-server-name (sslHost)"
        case .clientCertificateDemanded:
            "the server demands a certificate of its clients; give one with --redis-cert-file and --redis-key-file"
        case .clientCertificateRefused(let alert):
            "the server does not accept our certificate (\(alert)); check --redis-cert-file and --redis-key-file"
        case .notTLS:
            "the port does not speak TLS; name the TLS port, or write redis:// (without ssl=true)"
        case .version:
            "the server speaks no version of TLS that is permitted here; see sslProtocols"
        case .closed:
            "the server closed it; does the port speak TLS, and does the server demand a client certificate (--redis-cert-file, --redis-key-file)?"
        case .noAnswer(let seconds):
            "no answer within \(seconds) s; does the port speak TLS? If not, write redis:// (without ssl=true)"
        case .other(let text): "the handshake failed: \(Self.plain(text))"
        }
    }

    /// `error:100000f7:SSL routines:OPENSSL_internal:BAD_SIGNATURE` is about a bad signature.
    private static func plain(_ words: String) -> String {
        let reasons = words.split { !($0.isUppercase || $0.isNumber || $0 == "_") }
            .filter { $0.contains("_") && $0.contains(where: \.isLetter) }
        return reasons.last?.lowercased().replacing("_", with: " ") ?? "the log of the server may say why"
    }

    private static func date(_ time: Int) -> String {
        time > 0 ? " (\(UTCTime.date(unixSeconds: time)))" : ""
    }
}
