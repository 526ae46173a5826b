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
            "cannot serve the live page and /metrics: \(failure.sentence(host: host, port: port)); name another address with --listen"
        case .badWebToken(let path, let reason):
            "--web-token-file: '\(path)' \(reason); make one with: (umask 077; openssl rand -hex 32 > \(path))"
        case .badCertificate(let path, let reason):
            "--tls-cert, --tls-key: '\(path)' \(reason); PEM files are wanted, the server's own certificate first"
        }
    }
}
