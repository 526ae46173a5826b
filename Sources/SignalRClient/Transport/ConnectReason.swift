import NIOCore
import NIOPosix
import NIOSSL
import SystemPackage
import TLS
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Explains why a connection failed, without the libraries' terms.
enum ConnectReason {
    /// Why no connection was established, and what to check.
    ///
    /// - Parameter certificate: the node's certificate, if its handshake failed and it is known.
    static func text(of error: any Error, node: NodeURL, certificate: NIOSSLCertificate? = nil) -> String {
        if let failure = TLSFailure(
            error, certificate: certificate, host: node.host, at: Int(SystemClock.realtime() / 1_000_000_000))
        {
            return text(of: failure)
        }
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return text(of: first.error, node: node) }
            return unknownHost
        case is SocketAddressError, is SocketAddressError.UnknownHost: return unknownHost
        case ChannelError.connectTimeout: return silent
        case let error as IOError: return text(of: error.errnoCode)
        default: return words(of: error)
        }
    }

    /// Whether the node's certificate can explain more.
    static func isAboutCertificate(_ error: any Error) -> Bool {
        TLSFailure(error, certificate: nil, host: "", at: 0) == .unknownAuthority
    }

    /// Why an established connection ended.
    static func words(of error: any Error) -> String {
        switch error {
        case let error as IOError where [ECONNRESET, EPIPE].contains(error.errnoCode): "the node reset it"
        case let error as IOError: Errno(rawValue: error.errnoCode).description.lowercased()
        case ChannelError.alreadyClosed, ChannelError.ioOnClosedChannel, ChannelError.eof,
            ChannelError.inputClosed, ChannelError.outputClosed:
            "it is closed"
        case is NIOSSLError, is BoringSSLError: "TLS failed"
        case is SignalRClientError, is FrameError: "\(error)"
        default: "the node's response violates HTTP or the webSocket protocol, or was cut off"
        }
    }

    private static let unknownHost =
        "its host name does not resolve: is it spelled correctly, and does this machine's DNS know it?"
    private static let silent =
        "it does not accept the connection in time: is the address right, and does every firewall let this machine through?"

    private static func text(of code: Int32) -> String {
        switch code {
        case ECONNREFUSED: "it refused the connection: is it running, and is this its port?"
        case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL:
            "this machine has no route to it: is the address right, and is the network up?"
        case ETIMEDOUT: silent
        case ECONNRESET, EPIPE: "it reset the connection: does its port speak TLS (then write https://)?"
        case EMFILE, ENFILE: "this process has reached its limit of open files; raise it (ulimit -n, LimitNOFILE)"
        default: Errno(rawValue: code).description.lowercased()
        }
    }

    private static func text(of failure: TLSFailure) -> String {
        switch failure {
        case .unknownAuthority:
            "its certificate is not signed by an authority that this machine trusts; add that authority (update-ca-certificates), or name the file with its certificate"
        case .wrongHost(let expected):
            "its certificate is not for '\(expected)'; use the name in the certificate"
        case .clientCertificateDemanded, .clientCertificateRefused:
            "it requires a client certificate, and this client has none; name an address that does not require one"
        case .notTLS: "its port does not speak TLS; write http://, or name the port that does"
        case .version: "it supports neither TLS 1.2 nor TLS 1.3"
        case .closed, .noAnswer: "it closed the connection during the TLS handshake: does its port speak TLS?"
        case .expired, .notYetValid, .other: failure.description
        }
    }
}
