import Backplane
import NIOCore
import Testing

@testable import HubNode

/// Which clients get a message, and which channels of users and groups this node needs.
@Suite("Clients of ASP.NET Core SignalR by user and group")
struct CoreClientRegistryTests {
    private enum Step {
        case connect(String)
        case join(String, String)
        case leave(String, String)
        case disconnect(String)
    }

    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// - Parameter name: the id; the user is its part before the dot.
    private static func client(_ name: String) -> CoreClient {
        CoreClient(
            session: Session(
                connectionID: name, user: String(name.prefix { $0 != "." }), transport: .webSockets,
                codec: CoreCodec(messages: .json), now: now), token: "token of \(name)", limit: 100, now: now)
    }

    /// Steps, and the channels that each one adds (+) or ends (-).
    private static let rows: [[(Step, String)]] = [
        // A user's channel exists from its first connection to its last.
        [
            (.connect("u.1"), "+user u"), (.connect("u.2"), ""), (.connect("v.1"), "+user v"),
            (.disconnect("u.1"), ""), (.disconnect("u.2"), "-user u"), (.disconnect("u.2"), ""),
            (.connect("u.3"), "+user u"),
        ],
        // Users and groups are compared byte by byte.
        [(.connect("u.1"), "+user u"), (.connect("U.1"), "+user U"), (.disconnect("u.1"), "-user u")],
        // A client without a user needs no channel.
        [(.connect(".1"), ""), (.disconnect(".1"), "")],
        // A group's channel exists from its first local member to its last.
        [
            (.connect("u.1"), "+user u"), (.connect("u.2"), ""), (.join("u.1", "g"), "+group g"),
            (.join("u.1", "g"), ""), (.join("u.2", "g"), ""), (.leave("u.1", "g"), ""), (.leave("u.1", "g"), ""),
            (.leave("u.2", "g"), "-group g"), (.leave("u.2", "g"), ""),
        ],
        // A client that goes leaves its groups.
        [
            (.connect("u.1"), "+user u"), (.connect("u.2"), ""), (.join("u.1", "a"), "+group a"),
            (.join("u.1", "b"), "+group b"), (.join("u.2", "b"), ""), (.disconnect("u.1"), "-group a"),
            (.disconnect("u.2"), "-user u -group b"),
        ],
        // Within a connection a name of different case is the same group, under the name by which it was joined.
        [
            (.connect(".1"), ""), (.connect(".2"), ""), (.join(".1", "Room"), "+group Room"), (.join(".1", "room"), ""),
            (.join(".2", "room"), "+group room"), (.leave(".1", "Room"), "-group Room"),
            (.disconnect(".2"), "-group room"),
        ],
    ]

    @Test("the channels that are needed", arguments: rows)
    private func channels(steps: [(Step, String)]) {
        var registry = CoreClientRegistry()
        var clients: [String: CoreClient] = [:]
        func named(_ name: String) -> CoreClient {
            let client = clients[name] ?? Self.client(name)
            clients[name] = client
            return client
        }
        for (index, (step, expected)) in steps.enumerated() {
            var changes: [String] = []
            switch step {
            case .connect(let name):
                if registry.connect(named(name)) { changes.append("+user \(named(name).session.user)") }
            case .join(let name, let group):
                if registry.join(named(name), group) { changes.append("+group \(group)") }
            case .leave(let name, let group):
                if registry.leave(named(name), group) { changes.append("-group \(group)") }
            case .disconnect(let name):
                let left = registry.disconnect(named(name))
                if let user = left?.user { changes.append("-user \(user)") }
                changes += (left?.groups ?? []).sorted().map { "-group \($0)" }
            }
            #expect(changes.joined(separator: " ") == expected, "step \(index)")
        }
    }

    @Test("a message's clients by id, user and group; by token also those that get none")
    func lookUp() {
        var registry = CoreClientRegistry()
        let (first, second) = (Self.client("u.1"), Self.client("u.2"))
        registry.add(first)
        registry.add(second)
        #expect(registry.all.count == 2)
        #expect(registry.connected.isEmpty)
        #expect(registry[token: "token of u.1"] === first)
        #expect(registry[id: "u.1"] == nil)
        _ = (registry.connect(first), registry.connect(second), registry.join(second, "g"))
        #expect(registry[id: "u.1"] === first)
        #expect(Set(registry.clients(ofUser: "u").map(\.id)) == ["u.1", "u.2"])
        #expect(registry.members(of: "g").map(\.id) == ["u.2"])
        _ = registry.disconnect(second)
        #expect(registry.connected.map(\.id) == ["u.1"])
        #expect(registry.clients(ofUser: "u").map(\.id) == ["u.1"])
        #expect(registry.members(of: "g").isEmpty)
        #expect(registry.all.count == 2)
        registry.remove(second)
        #expect(registry.all.map(\.id) == ["u.1"])
    }

    // MARK: - The client's transports and pending messages

    @Test("each transport has its own number, and a replaced one is not the client's any more")
    func transports() {
        let (client, other) = (Self.client("u.1"), Self.client("u.2"))
        let first = client.attach(.longPolling, .pull(waiting: nil), at: Self.now)
        #expect(client.has(first))
        let second = client.attach(.longPolling, .pull(waiting: nil), at: Self.now + .seconds(1))
        #expect(!client.has(first))
        #expect(client.has(second))
        #expect(client.session.lastActive == Self.now + .seconds(1))
        _ = other.attach(.longPolling, .pull(waiting: nil), at: Self.now)
        _ = other.attach(.longPolling, .pull(waiting: nil), at: Self.now)
        #expect(!other.has(second))
        client.session.outlet = nil
        #expect(!client.has(second))
    }

    @Test("pending messages may go in a frame each; with stateful reconnect none is pending without a webSocket")
    func pending() {
        let client = Self.client("u.1")
        for text in ["a", "b", "c"] { client.append(ByteBuffer(string: text)) }
        let frame = client.session.outbox.nextFrame(messages: 1) { "" }
        #expect(frame.messages == [ByteBuffer(string: "a")])
        #expect(client.session.outbox.count == 2)
        client.dropPending()
        #expect(client.session.outbox.isIdle)
        client.stateful = StatefulReconnect(limit: 100)
        client.append(ByteBuffer(string: "d"))
        #expect(client.session.outbox.isIdle)
        _ = client.attach(.webSockets, .pull(waiting: nil), at: Self.now)
        client.append(ByteBuffer(string: "d"))
        #expect(client.session.outbox.count == 1)
    }
}
