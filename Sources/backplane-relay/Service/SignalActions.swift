import Logging
import UnixSignals

/// Actions for signals that do not end a service.
struct SignalActions: Sendable {
    /// SIGHUP, after the log file was reopened.
    var hangup: @Sendable () -> Void = {}
    /// SIGUSR1.
    var user1: @Sendable () -> Void = {}
    /// SIGUSR2.
    var user2: @Sendable () -> Void = {}

    /// Handles signals until cancelled.
    func answer(_ signals: UnixSignalsSequence, log: Log) async {
        for await signal in signals {
            switch signal {
            case .sighup:
                do {
                    try log.destination.reopen()
                } catch {
                    log.logger.error("the log file was not reopened", metadata: ["cause": "\(error)"])
                }
                hangup()
            case .sigusr1: user1()
            case .sigusr2: user2()
            default: break
            }
        }
    }
}
