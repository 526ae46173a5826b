import JSON
import Loopback
import SignalRClient
/// Somebody in the chat: talks to everybody, to a room, to one other, moves to another room.
struct Chatter: Sendable {
    let name: String
    let client: SignalRClient
    let seed: UInt64

    /// Chats until the task is cancelled.
    func chat() async throws {
        var talk = SmallTalk(seed: seed)
        var room = Demo.rooms[Int(seed) % Demo.rooms.count]
        try await call("joinGroup", [.string(room)])
        while !Task.isCancelled {
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
            // Cancelled while resting: the loop's condition ends it.
            try? await Task.sleep(for: .milliseconds(talk.number(below: 50)))
        }
    }

    private func call(_ method: String, _ arguments: [JSONTree]) async throws {
        // What is begun is finished: a message without an answer could not be accounted for.
        let client = client
        try await Task.detached { _ = try await client.invoke(Demo.hub, method, arguments) }.value
    }
}
