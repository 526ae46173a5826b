import DequeModule
import NIOCore

/// Measures the commands of one connection, whose replies arrive in order.
struct CommandTimer {
    private struct Outstanding {
        let command: AskedCommand?
        /// SUBSCRIBE and similar have one reply per name.
        var replies: Int
        let start: NIODeadline
    }

    /// nil to measure nothing.
    private let observer: RedisObserver?
    private var outstanding = Deque<Outstanding>()

    /// - Parameter observer: notified of each answered command.
    init(_ observer: RedisObserver?) {
        self.observer = observer
    }

    /// Called when commands are sent. Each must have a reply.
    mutating func sent(_ commands: [[RESPArgument]], at now: NIODeadline = .now()) {
        guard observer != nil else { return }
        for arguments in commands {
            let command = AskedCommand(arguments)
            let replies =
                switch command {
                case .subscribe, .psubscribe, .unsubscribe, .punsubscribe: arguments.count - 1
                default: 1
                }
            outstanding.append(Outstanding(command: command, replies: replies, start: now))
        }
    }

    /// The next reply has arrived.
    ///
    /// - Parameter isError: an error is the only reply of a command.
    mutating func answered(isError: Bool, at now: NIODeadline = .now()) {
        guard let observer, var oldest = outstanding.popFirst() else { return }
        oldest.replies -= 1
        guard isError || oldest.replies <= 0 else { return outstanding.prepend(oldest) }
        observer.answered(oldest.command, (now - oldest.start).nanoseconds)
    }

    /// As ``answered(isError:at:)``, for a parsed reply.
    mutating func received(_ reply: RESPValue, at now: NIODeadline = .now()) {
        let isError = if case .error = reply { true } else { false }
        answered(isError: isError, at: now)
    }
}
