import Backplane
import JSON
import Loopback
import NIOConcurrencyHelpers
import SignalRClient

/// A client that joins every room and records each call it receives, in order.
struct Witness: Sendable {
    /// A received call, without its cursor, which differs between nodes.
    struct Heard: Equatable, Sendable, CustomStringConvertible {
        let method: String
        let arguments: [JSONTree]

        var description: String { "\(method)\(JSONTree.array(arguments))" }
    }

    /// The client's transport and protocol, such as `longPolling in messagepack`.
    let title: String
    private let memory = NIOLockedValueBox<[Heard]>([])
    private let client: any HubConnection

    /// A client of SignalR 2.
    init(node: NodeURL, transport: ClientTransport, network: SignalRNetwork) {
        title = transport.rawValue
        client = SignalRClient(
            configuration: SignalRClientConfiguration(
                node: node, hubs: [Demo.hub], transport: transport, query: [("user", Demo.witness)]),
            network: network, onEvent: Self.recorder(memory))
    }

    /// A client of ASP.NET Core SignalR.
    init(coreNode node: NodeURL, _ way: Demo.CoreTransport, network: SignalRNetwork) {
        title = "\(way.transport.rawValue) in \(way.format.name)"
        client = CoreSignalRClient(
            configuration: CoreClientConfiguration(
                node: node, transport: way.transport, format: way.format, query: [("user", Demo.witness)]),
            network: network, onEvent: Self.recorder(memory))
    }

    private static func recorder(
        _ memory: NIOLockedValueBox<[Heard]>
    ) -> @Sendable (SignalRClientEvent) -> Void {
        { event in
            guard case .invocation(let call) = event else { return }
            memory.withLockedValue { $0.append(Heard(method: call.method, arguments: call.arguments)) }
        }
    }

    var heard: [Heard] { memory.withLockedValue { $0 } }

    func enter() async throws {
        try await client.start()
        for room in Demo.rooms { try await client.call("joinGroup", [.string(room)]) }
    }

    /// Sends a message to every client, including this one.
    func say(_ text: String) async throws {
        try await client.call("send", [.string(Demo.witness), .string(text)])
    }

    func leave() async {
        await client.stop()
    }

    /// Waits until the client has received this many calls, as long as more of them arrive.
    ///
    /// - Parameter pause: the longest wait for the next call.
    /// - Returns: the calls received so far; fewer if none came for that long, or if the task was cancelled.
    func heard(awaiting count: Int, pause: Duration) async -> [Heard] {
        var last = -1
        var deadline = ContinuousClock.now + pause
        while !Task.isCancelled {
            let received = memory.withLockedValue { $0.count }
            if received != last { (last, deadline) = (received, .now + pause) }
            guard received < count, .now < deadline else { break }
            // Events arrive on the event loop's thread: check again shortly.
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
                return Heard(method: method, arguments: arguments)
            }
        }
    }

    /// The same for ASP.NET Core SignalR, from records of the channels of all clients, the rooms, and the witness.
    static func expected(ofCore records: [[UInt8]]) -> [Heard] {
        records.flatMap { record in record.withUnsafeBytes { calls(in: $0) } }
    }

    private static func calls(in bytes: UnsafeRawBufferPointer) -> [Heard] {
        guard let record = try? CoreRecord(bytes),
            case .invocation(let invocation)? = try? CorePayload(decoding: record.payload, as: .all),
            let frame = invocation.frames.first(where: { $0.protocolName == CoreFormat.json.name })
        else { return [] }
        return frame.bytes.withUnsafeBytes { bytes in
            var walk = CoreHubMessageWalk(bytes, .json)
            var calls: [Heard] = []
            while let message = try? walk.next() {
                let arguments = message.arguments?.json() ?? []
                guard let target = message.target?.text,
                    let values = arguments.withUnsafeBytes({ try? JSONTree(parsing: $0) })?.array
                else { continue }
                calls.append(Heard(method: target, arguments: values))
            }
            return calls
        }
    }
}

/// A simulated user: sends messages to everyone, to a room and to one other user, and changes rooms.
struct Chatter: Sendable {
    let name: String
    let client: any HubConnection
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
        _ = try await client.call(method, arguments)
    }
}
