import NIOCore
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why listening on an address failed.
package enum ListenFailure: Sendable, Equatable {
    case inUse
    /// No interface of this machine has it.
    case notOurs
    case notPermitted
    case unknownHost
    /// The system's text.
    case other(String)

    init(errno code: Int32) {
        switch code {
        case EADDRINUSE: self = .inUse
        case EADDRNOTAVAIL: self = .notOurs
        case EACCES, EPERM: self = .notPermitted
        default: self = .other(Errno(rawValue: code).description)
        }
    }

    /// nil for an unrelated error.
    package init?(_ error: any Error) {
        switch error {
        case let error as IOError: self.init(errno: error.errnoCode)
        case is SocketAddressError, is SocketAddressError.UnknownHost: self = .unknownHost
        default: return nil
        }
    }

    /// A sentence with the remedy, without the option's name.
    package func sentence(host: String, port: Int) -> String {
        let address = Self.address(host: host, port: port)
        return switch self {
        case .inUse:
            "\(address) is in use by another process: \"ss -ltnp 'sport = :\(port)'\" shows which"
        case .notOurs: "no network interface of this machine has the address of \(address)"
        case .notPermitted:
            "this user may not listen on \(address): ports below 1024 need the right CAP_NET_BIND_SERVICE"
        case .unknownHost: "the host name in \(address) does not resolve"
        case .other(let reason): "cannot listen on \(address): \(reason)"
        }
    }

    /// Binds the address briefly.
    ///
    /// - Returns: nil on success.
    package static func probe(host: String, port: Int) -> ListenFailure? {
        guard port > 0 else { return nil }
        let address: SocketAddress
        do {
            address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        } catch {
            return .unknownHost
        }
        let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return ListenFailure(errno: errno) }
        defer { close(descriptor) }
        // Like the server: remnants of closed connections do not matter.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let isBound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) == 0 && listen(descriptor, 1) == 0 }
        return isBound ? nil : ListenFailure(errno: errno)
    }

    private static func address(host: String, port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// Errors that prevent a relay from running, besides Redis and the disk.
package enum RelayError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The HTTP surface cannot be bound.
    case cannotListen(host: String, port: Int, ListenFailure)
    /// The bearer token's file is unusable.
    case badWebToken(path: String, reason: String)
    /// A TLS file of the HTTP surface is unusable.
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
