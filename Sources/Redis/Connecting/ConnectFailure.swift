import NIOCore
import NIOPosix

/// A connect error of NIO in words for an operator.
enum ConnectFailure {
    static func reason(of error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let failed = error.connectionErrors.first { return reason(of: failed.error) }
            return "the name cannot be resolved"
        case let error as ChannelError:
            if case .connectTimeout(let amount) = error {
                return "no answer within \(amount.nanoseconds / 1_000_000) ms"
            }
            return String(describing: error)
        case let error as IOError:
            return String(describing: error)
        default:
            return String(describing: error)
        }
    }
}
