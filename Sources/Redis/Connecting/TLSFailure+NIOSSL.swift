import NIOCore
package import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension TLSFailure {
    /// What NIOSSL reported, in words of ours; nil if the error is none of its own.
    ///
    /// - Parameters:
    ///   - certificate: the server's, as far as it came.
    ///   - host: the name that was expected in it.
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
            // TLS 1.2 says no more when it misses a client certificate.
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
