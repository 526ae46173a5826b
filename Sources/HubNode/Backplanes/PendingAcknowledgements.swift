import Backplane
import NIOCore

/// Commands waiting for an ack of the owner of a connection, each with a time limit.
struct PendingAcknowledgements {
    private struct Waiting {
        let continuation: CheckedContinuation<Bool, Never>
        let deadline: NIODeadline
    }

    private var waiting: OrdinalNameMap<Waiting> = [:]

    mutating func add(
        _ commandID: String, until deadline: NIODeadline, _ continuation: CheckedContinuation<Bool, Never>
    ) {
        waiting[commandID] = Waiting(continuation: continuation, deadline: deadline)
    }

    /// - Parameter acknowledged: false if it was given up. The first call for a command counts.
    mutating func resolve(_ commandID: String, acknowledged: Bool) {
        waiting.removeValue(forKey: commandID)?.continuation.resume(returning: acknowledged)
    }

    /// Gives up timed-out commands.
    mutating func expire(at now: NIODeadline) {
        for (commandID, command) in waiting where command.deadline <= now {
            resolve(commandID, acknowledged: false)
        }
    }

    mutating func giveUpAll() {
        for command in waiting.values { command.continuation.resume(returning: false) }
        waiting = [:]
    }
}
