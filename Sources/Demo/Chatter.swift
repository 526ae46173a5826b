import JSON
import Loopback
import SignalRClient

/// A simulated user: sends messages to everyone, to a room and to one other user, and changes rooms.
struct Chatter: Sendable {
    let name: String
    let client: SignalRClient
    let seed: UInt64

    /// Chats until `isOver`. Pending calls are finished, because a message without a response could not be accounted
    /// for. Cancellation stops immediately.
    ///
    /// - Parameter isOver: checked before each call.
    func chat(until isOver: @Sendable () -> Bool) async throws {
        var talk = SmallTalk(seed: seed)
        var room = Demo.rooms[Int(seed) % Demo.rooms.count]
        try await call("joinGroup", [.string(room)])
        while !isOver() {
            switch talk.number(below: 100) {
            case 0..<54:
                try await call("send", [.string(name), .string(talk.line())])
            case 54..<84:
                try await call("sendToGroup", [.string(room), .string(name), .string(talk.line())])
            case 84..<94:
                try await call("sendToUser", [.string(Demo.witness), .string(talk.line())])
            case 94..<97:
                try await call("leaveGroup", [.string(room)])
                room = Demo.rooms[talk.number(below: Demo.rooms.count)]
                try await call("joinGroup", [.string(room)])
            default:
                try await call("sendToOthers", [.string(name), .string(talk.line())])
            }
            try await Task.sleep(for: .milliseconds(talk.number(below: 50)))
        }
    }

    private func call(_ method: String, _ arguments: [JSONTree]) async throws {
        _ = try await client.invoke(Demo.hub, method, arguments)
    }
}
