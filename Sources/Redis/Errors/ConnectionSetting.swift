import TLS

/// A setting that may make a connection possible. The command line maps it to an option.
package enum ConnectionSetting: Sendable, Equatable {
    /// Certificates of trusted authorities.
    case authorities
    /// The name in the server's certificate.
    case serverName
    /// A client certificate and its key.
    case clientCertificate
    case password
}

extension RedisError {
    /// Settings that may solve the error, without duplicates.
    package var missing: [ConnectionSetting] {
        switch self {
        case .authenticationRequired: [.password]
        case .tls(_, let failure): failure.missing
        case .noneOf(let errors):
            errors.reduce(into: []) { all, error in all += error.missing.filter { !all.contains($0) } }
        default: []
        }
    }
}

extension TLSFailure {
    fileprivate var missing: [ConnectionSetting] {
        switch self {
        case .unknownAuthority: [.authorities]
        case .wrongHost: [.serverName]
        case .clientCertificateDemanded, .clientCertificateRefused, .closed: [.clientCertificate]
        case .expired, .notYetValid, .notTLS, .version, .noAnswer, .other: []
        }
    }
}
