import AsyncHTTPClient
import NIOCore
import NIOPosix
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Says in a few words why there is no connection.
enum ConnectReason {
    static func text(of error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return text(of: first.error) }
            if error.dnsAError != nil || error.dnsAAAAError != nil { return "its name is unknown" }
            return "no address"
        case let error as IOError: return Errno(rawValue: error.errnoCode).description
        case let error as HTTPClientError where error == .connectTimeout: return "no answer"
        case let error as ChannelError:
            if case .connectTimeout = error { return "no answer" }
            return "\(error)"
        default: return "\(error)"
        }
    }
}
