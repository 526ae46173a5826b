import NIOCore
import NIOPosix
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why no connection was established, before any byte of the Redis protocol.
package enum ConnectFailure: Sendable, Equatable {
    case refused
    /// The name does not resolve.
    case unknownHost
    case timedOut(milliseconds: Int64)
    case noRoute
    /// The unix domain socket does not exist.
    case noSocket
    case notPermitted
    case tooManyOpenFiles
    /// The system's text.
    case other(String)

    init(_ error: any Error) {
        switch error {
        case let error as NIOConnectionError:
            if let failed = error.connectionErrors.first {
                self.init(failed.error)
            } else {
                self = .unknownHost
            }
        case ChannelError.connectTimeout(let amount): self = .timedOut(milliseconds: amount.nanoseconds / 1_000_000)
        case let error as IOError: self.init(errno: error.errnoCode)
        case is SocketAddressError, is SocketAddressError.UnknownHost: self = .unknownHost
        default: self = .other("the connection could not be made")
        }
    }

    /// The system's text for an error of an established connection.
    static func words(of error: any Error) -> String {
        guard let error = error as? IOError else { return "unknown reason" }
        return Errno(rawValue: error.errnoCode).description.lowercased()
    }

    init(errno code: Int32) {
        switch code {
        case ECONNREFUSED: self = .refused
        case ETIMEDOUT: self = .timedOut(milliseconds: 0)
        case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL: self = .noRoute
        case ENOENT, ENOTDIR: self = .noSocket
        case EACCES, EPERM: self = .notPermitted
        case EMFILE, ENFILE: self = .tooManyOpenFiles
        default: self = .other(Errno(rawValue: code).description)
        }
    }

    /// A sentence with the remedy.
    ///
    /// - Parameter endpoint: `host:port`, or `unix:/path`.
    func sentence(_ endpoint: String) -> String {
        let isSocket = endpoint.hasPrefix("unix:")
        return switch self {
        case .refused where isSocket: "nothing listens on the socket \(endpoint): is Redis running?"
        case .refused: "Redis at \(endpoint) refused the connection: is it running, and is this its port?"
        case .unknownHost:
            "the host name of Redis at \(endpoint) does not resolve: is it spelled correctly, and does this machine's DNS know it?"
        case .timedOut(let milliseconds) where milliseconds > 0:
            "Redis at \(endpoint) did not accept the connection within \(Self.seconds(milliseconds)): is the address right, and does every firewall let this machine through?"
        case .timedOut:
            "Redis at \(endpoint) did not accept the connection in time: is the address right, and does every firewall let this machine through?"
        case .noRoute:
            "this machine has no route to Redis at \(endpoint): is the address right, and is the network up?"
        case .noSocket:
            "there is no socket \(endpoint): is Redis running, and does 'unixsocket' in its redis.conf name this path?"
        case .notPermitted where isSocket:
            "this user may not open the socket \(endpoint): join its group, or see 'unixsocketperm' in redis.conf"
        case .notPermitted: "this machine does not let the relay connect to Redis at \(endpoint): see its firewall"
        case .tooManyOpenFiles:
            "no connection to Redis at \(endpoint): this process has reached its limit of open files; raise it (ulimit -n, LimitNOFILE)"
        case .other(let reason): "no connection to Redis at \(endpoint): \(reason)"
        }
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds) ms"
    }
}
