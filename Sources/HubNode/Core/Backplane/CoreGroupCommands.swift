import Backplane
import NIOCore

/// The group commands of this node to the owners of other connections: each has its own id and waits for an ack of that
/// id, up to a time limit. No I/O.
struct CoreGroupCommands {
    private let timeLimit: TimeAmount
    private var lastID: Int32 = 0
    private var pending = PendingAcknowledgements()

    init(timeLimit: Duration) {
        self.timeLimit = TimeAmount(timeLimit)
    }

    /// - Parameter server: the name of this node, to which the ack is sent.
    mutating func make(
        _ change: GroupChange, _ group: String, connectionID: String, server: String
    ) -> CoreGroupCommand {
        lastID &+= 1
        return CoreGroupCommand(
            id: lastID, server: server, action: change == .add ? .add : .remove, group: group,
            connection: connectionID)
    }

    /// - Parameter continuation: resumed with true by the ack, with false if the command is given up.
    mutating func wait(
        for command: CoreGroupCommand, since now: NIODeadline, _ continuation: CheckedContinuation<Bool, Never>
    ) {
        pending.add("\(command.id)", until: now + timeLimit, continuation)
    }

    mutating func acknowledged(_ id: Int32) { pending.resolve("\(id)", acknowledged: true) }

    mutating func giveUp(_ command: CoreGroupCommand) { pending.resolve("\(command.id)", acknowledged: false) }

    /// Gives up timed-out commands.
    mutating func expire(at now: NIODeadline) { pending.expire(at: now) }

    mutating func giveUpAll() { pending.giveUpAll() }
}
