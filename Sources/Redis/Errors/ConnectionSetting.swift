import TLS

/// What an operator may give so that a connection comes about. The command line knows by which option.
package enum ConnectionSetting: Sendable, Equatable {
    /// Certificates of the authorities to trust.
    case authorities
    /// The name that the server's certificate is for.
    case serverName
    /// A certificate of our own, and its key.
    case clientCertificate
    case password
}

extension RedisError {
    /// Settings that may heal it, each once.
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
