package import NIOSSL
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a TLS connection was not established, or was lost.
package enum TLSFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The server's certificate expired at this time, in seconds since 1970.
    case expired(Int)
    /// The server's certificate is not valid yet.
    case notYetValid
    /// The server's certificate is not signed by a trusted authority.
    case unknownAuthority
    case wrongHost(expected: String)
    case clientCertificateDemanded
    /// The server rejected the client certificate; the name of the alert.
    case clientCertificateRefused(String)
    /// The server does not speak TLS.
    case notTLS
    /// Server and client share no TLS version.
    case version
    /// The server closed the connection during the handshake or before its first answer.
    case closed
    case noAnswer(seconds: Int)
    /// Anything else, with BoringSSL's text.
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
            "the server's certificate is not signed by a trusted authority; name the file with its authority's certificate"
        case .wrongHost(let expected):
            "the server's certificate is not for '\(expected)'; connect by the name in the certificate, or set that name (sslHost in a StackExchange.Redis string)"
        case .clientCertificateDemanded:
            "the server requires a client certificate; name the files of a certificate and its key"
        case .clientCertificateRefused(let alert):
            "the server rejected the client certificate (\(alert)); check the files of the certificate and its key"
        case .notTLS:
            "the port does not speak TLS; name the TLS port, or write redis:// (without ssl=true)"
        case .version:
            "the server supports no TLS version that is permitted here; see sslProtocols"
        case .closed:
            "the server closed the connection; does the port speak TLS, and does the server require a client certificate?"
        case .noAnswer(let seconds):
            "no answer within \(seconds) s; does the port speak TLS? If not, write redis:// (without ssl=true)"
        case .other(let text): "the handshake failed: \(Self.plain(text))"
        }
    }

    /// `error:100000f7:SSL routines:OPENSSL_internal:BAD_SIGNATURE` is about a bad signature.
    private static func plain(_ words: String) -> String {
        let reasons = words.split { !($0.isUppercase || $0.isNumber || $0 == "_") }
            .filter { $0.contains("_") && $0.contains(where: \.isLetter) }
        return reasons.last?.lowercased().replacing("_", with: " ") ?? "see the server's log"
    }

    private static func date(_ time: Int) -> String {
        time > 0 ? " (\(UTCTime.date(unixSeconds: time)))" : ""
    }
}

extension TLSFailure {
    /// Translates an error of NIOSSL; nil for other errors.
    ///
    /// - Parameters:
    ///   - certificate: the server's, if it was received.
    ///   - host: the name expected in the certificate.
    package init?(_ error: any Error, certificate: NIOSSLCertificate?, host: String, at now: Int) {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            self = .wrongHost(expected: host)
        case NIOSSLError.unableToValidateCertificate, NIOSSLError.cannotFindPeerIP:
            self = .wrongHost(expected: host)
        case NIOSSLError.uncleanShutdown: self = .closed
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self = TLSFailure(
                words: String(describing: error), validity: certificate.map { ($0.notValidBefore, $0.notValidAfter) },
                at: now)
        default: return nil
        }
    }

    /// - Parameters:
    ///   - words: BoringSSL's error stack.
    ///   - validity: of the server's certificate, in seconds since 1970.
    init(words: String, validity: (from: Int, until: Int)?, at now: Int) {
        if words.contains("CERTIFICATE_VERIFY_FAILED") {
            if let validity, validity.until < now {
                self = .expired(validity.until)
            } else if let validity, validity.from > now {
                self = .notYetValid
            } else {
                self = .unknownAuthority
            }
        } else if words.contains("CERTIFICATE_REQUIRED") {
            self = .clientCertificateDemanded
        } else if let alert = [
            "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN", "CERTIFICATE_REVOKED",
            "UNSUPPORTED_CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR",
        ]
        .first(where: { words.contains("ALERT_" + $0) }) {
            self = .clientCertificateRefused(alert.lowercased())
        } else if words.contains("ALERT_HANDSHAKE_FAILURE") {
            // With TLS 1.2 a missing client certificate gives no other error.
            self = .clientCertificateDemanded
        } else if ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "INVALID_OUTER_RECORD_TYPE"]
            .contains(where: { words.contains($0) })
        {
            self = .notTLS
        } else if ["UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION"].contains(where: { words.contains($0) }) {
            self = .version
        } else if words.contains("EOF during handshake") || words.contains("syscallError") {
            self = .closed
        } else {
            self = .other(words)
        }
    }
}
