import Logging
import UnixSignals

/// What the signals that do not end a service make it do.
struct SignalActions: Sendable {
    /// SIGHUP, after the log file was opened anew.
    var hangup: @Sendable () -> Void = {}
    /// SIGUSR1.
    var user1: @Sendable () -> Void = {}
    /// SIGUSR2.
    var user2: @Sendable () -> Void = {}

    /// Answers each signal, until it is cancelled.
    func answer(_ signals: UnixSignalsSequence, log: Log) async {
        for await signal in signals {
            switch signal {
            case .sighup:
                do {
                    try log.destination.reopen()
                } catch {
                    log.logger.error("the log file stays as it is", metadata: ["cause": "\(error)"])
                }
                hangup()
            case .sigusr1: user1()
            case .sigusr2: user2()
            default: break
            }
        }
    }
}
