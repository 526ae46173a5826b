/// What keeps a relay from running, besides Redis and the disk.
package enum RelayError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The HTTP surface cannot be bound.
    case cannotListen(host: String, port: Int, ListenFailure)
    /// The file of the bearer token is of no use.
    case badWebToken(path: String, reason: String)
    /// A file of the HTTP surface's TLS is of no use.
    case badCertificate(path: String, reason: String)

    package var description: String {
        switch self {
        case .cannotListen(let host, let port, let failure):
            "cannot serve the live page and /metrics: \(failure.sentence(host: host, port: port)); name another address"
        case .badWebToken(let path, let reason):
            "'\(path)' \(reason); make a token with: (umask 077; openssl rand -hex 32 > FILE)"
        case .badCertificate(let path, let reason):
            "'\(path)' cannot be used for TLS: \(reason)"
        }
    }
}
