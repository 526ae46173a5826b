import Backplane
import NIOCore
import Testing

@testable import HubNode

@Suite("Group commands to other nodes")
struct CoreGroupCommandsTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("have ids from 1, in order, and name the node that waits for the ack")
    func commands() {
        var commands = CoreGroupCommands(timeLimit: .seconds(30))
        let added = commands.make(.add, "room", connectionID: "c", server: "node")
        let removed = commands.make(.remove, "room", connectionID: "c", server: "node")
        #expect(added == CoreGroupCommand(id: 1, server: "node", action: .add, group: "room", connection: "c"))
        #expect(removed == CoreGroupCommand(id: 2, server: "node", action: .remove, group: "room", connection: "c"))
    }

    private enum Event {
        case ack(Int32)
        case time(seconds: Int64)
        case giveUp
        case giveUpAll
    }

    /// Whether command 1 is done, after these events; the last one decides.
    private static let rows: [(events: [Event], isDone: Bool)] = [
        ([.ack(1)], true), ([.ack(2), .ack(1)], true), ([.time(seconds: 29), .ack(1)], true),
        ([.ack(2), .time(seconds: 30)], false), ([.giveUp], false), ([.giveUpAll], false),
        // The first one counts.
        ([.ack(1), .giveUp, .time(seconds: 30), .giveUpAll], true), ([.giveUp, .ack(1)], false),
        ([.time(seconds: 30), .ack(1)], false),
    ]

    @Test("wait for the ack of their id, up to the time limit", arguments: rows)
    private func waiting(events: [Event], isDone: Bool) async {
        var commands = CoreGroupCommands(timeLimit: .seconds(30))
        let command = commands.make(.add, "room", connectionID: "c", server: "node")
        let result = await withCheckedContinuation { continuation in
            commands.wait(for: command, since: Self.start, continuation)
            for event in events {
                switch event {
                case .ack(let id): commands.acknowledged(id)
                case .time(let seconds): commands.expire(at: Self.start + .seconds(seconds))
                case .giveUp: commands.giveUp(command)
                case .giveUpAll: commands.giveUpAll()
                }
            }
        }
        #expect(result == isDone)
    }
}
