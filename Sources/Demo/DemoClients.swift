import Backplane
import JSON
import Loopback
import NIOConcurrencyHelpers
import SignalRClient

/// A client that joins every room and records each call it receives, in order.
struct Witness: Sendable {
    /// The JSON of a call on the backplane, without the cursor, which differs between nodes.
    struct Heard: Equatable, Sendable, CustomStringConvertible {
        let method: String
        let arguments: [JSONTree]

        init(_ invocation: ClientInvocation) {
            method = invocation.method
            arguments = invocation.arguments
        }

        var description: String { "\(method)\(JSONTree.array(arguments))" }
    }

    private let memory = NIOLockedValueBox<[Heard]>([])
    private let client: SignalRClient

    init(node: NodeURL, transport: ClientTransport, network: SignalRNetwork) {
        let memory = memory
        client = SignalRClient(
            configuration: SignalRClientConfiguration(
                node: node, hubs: [Demo.hub], transport: transport, query: [("user", Demo.witness)]),
            network: network
        ) { event in
            guard case .invocation(let invocation) = event else { return }
            memory.withLockedValue { $0.append(Heard(invocation)) }
        }
    }

    var heard: [Heard] { memory.withLockedValue { $0 } }

    func enter() async throws {
        try await client.start()
        for room in Demo.rooms { try await client.invoke(Demo.hub, "joinGroup", [.string(room)]) }
    }

    func leave() async {
        await client.stop()
    }

    /// Waits until it has received this many calls.
    ///
    /// - Returns: what it has heard by then, which is less if the time was over, or the task was cancelled.
    func heard(awaiting count: Int, within limit: Duration) async -> [Heard] {
        let deadline = ContinuousClock.now + limit
        while heard.count < count, ContinuousClock.now < deadline, !Task.isCancelled {
            // Events arrive on another thread.
            try? await Task.sleep(for: .milliseconds(10))
        }
        return heard
    }

    /// The calls that a witness must receive for these payloads if nothing is lost: everything for all clients, for a
    /// room, or for the witness.
    static func expected(of payloads: [[UInt8]]) -> [Heard] {
        let signals = Set(
            ([.hub(Demo.hub), .user(hub: Demo.hub, userID: Demo.witness)]
                + Demo.rooms.map { Signal.group(hub: Demo.hub, group: $0) }).map { CaselessName($0.key) })
        return payloads.flatMap { payload -> [Heard] in
            guard let envelope = try? Envelope(decoding: payload) else { return [] }
            return envelope.body.messages.compactMap { message in
                guard signals.contains(CaselessName(message.key)), message.commandID.isEmpty,
                    let value = try? JSONTree(parsing: String(decoding: message.value, as: UTF8.self)),
                    let method = value["M"]?.string, let arguments = value["A"]?.array
                else { return nil }
                return Heard(
                    ClientInvocation(hub: Demo.hub, method: method, arguments: arguments, cursor: ""))
            }
        }
    }
}

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
