import Backplane
import Testing

@testable import Forward

@Suite("Forward places")
struct LoopGuardTests {
    private typealias Server = LoopGuard.Server

    private func places(
        _ source: (String?, String), _ target: (String?, String), channels: [String] = ["chat"], onto: String? = nil
    ) -> LoopGuard {
        LoopGuard(
            source: Server(runID: source.0, endpoint: source.1), target: Server(runID: target.0, endpoint: target.1),
            channels: channels.map { .signalR2(key: $0) }, route: ForwardRoute(channel: onto))
    }

    private func hubs(_ target: String, _ hubs: [CoreHub], _ renaming: CoreRenaming = CoreRenaming()) -> LoopGuard {
        LoopGuard(
            source: Server(runID: "r1", endpoint: "a:1"), target: Server(runID: target, endpoint: "b:1"),
            channels: hubs.map { .core($0) }, route: ForwardRoute(channel: "elsewhere", renaming: renaming))
    }

    @Test("a hub goes to its own channels at the target, or under another prefix; a watched hub is refused")
    func hubs() {
        let hub = CoreHub(prefix: "p:", type: "Chat.ChatHub")
        #expect(hubs("r2", [hub]).target(of: 0) == "p:Chat.ChatHub" && !hubs("r2", [hub]).returnsAtOnce)
        #expect(hubs("r1", [hub]).objection == .targetIsSourceHub(endpoint: "b:1", hub: "p:Chat.ChatHub"))
        let shadow = CoreRenaming(prefixes: ["p:": "shadow:"], hubs: ["chathub": "Chat.Other"])
        var places = hubs("r1", [hub], shadow)
        #expect(places.target(of: 0) == "shadow:Chat.Other" && !places.returnsAtOnce)
        // Nodes of the copy become watched too, whatever is known of their prefix.
        places.attach([.core(hub), .core(CoreHub(prefix: "shadow", type: ":Chat.Other"))])
        #expect(places.returnsAtOnce)
        // An event key of that name is another place.
        places = hubs("r1", [hub], shadow)
        places.attach([.core(hub), .signalR2(key: "shadow:Chat.Other")])
        #expect(!places.returnsAtOnce)
    }

    private static func outcome(
        _ kind: CoreKind, _ payload: [UInt8], name: String = "n", been: [String] = []
    ) -> CoreForward.Outcome {
        let hub = CoreHub(prefix: "p:", type: "ChatHub")
        return CoreRecord.bytes(channel: hub.channel(kind, Array(name.utf8)), payload: payload).withUnsafeBytes {
            CoreForward.outcome(
                of: $0, hub, to: CoreHub(prefix: "q:", type: "ChatHub"), leaving: "here", unlessBeenAt: been)
        }
    }

    @Test("forwarded payloads are marked after the part that nodes read, return once, and local kinds are left out")
    func outcomes() throws {
        let call = CoreInvocation(frames: [.init(protocolName: "json", bytes: Array("{}\u{1E}".utf8))])
        guard case .publish(let channel, let payload) = Self.outcome(.group, call.encoded()) else {
            Issue.record("not published")
            return
        }
        #expect(channel == Array("q:ChatHub:group:n".utf8))
        let forwarded = try CorePayload(decoding: payload, as: .group)
        guard case .invocation(let invocation) = forwarded else { return }
        #expect(invocation.places == ["here"] && invocation.frames == call.frames && payload.first == 0x93)
        guard case .returned = Self.outcome(.group, payload, been: ["elsewhere", "here"]) else {
            Issue.record("was forwarded again")
            return
        }
        var question = call
        question.reply = .init(invocationID: "1", channel: "c")
        let command = CoreGroupCommand(id: 1, server: "s", action: .add, group: "g", connection: "c")
        let ping = CorePing()
        for (kind, payload, expected) in [
            (.groupCommand, ping.command(id: 1, connection: "c"), .ping), (.all, question.encoded(), .clientResult),
            (.connection, call.encoded(), .connection),
            (.groupCommand, command.encoded(), .groupCommand), (.ack, [0x91, 1], .ack),
            (.result, CoreCompletion(protocolName: "json", frame: []).encoded(), .result),
        ] as [(CoreKind, [UInt8], CoreLeftOut)] {
            guard case .leftOut(let reason) = Self.outcome(kind, payload) else {
                Issue.record("\(kind) was not left out")
                continue
            }
            #expect(reason == expected)
        }
        guard case .leftOut(.ping) = Self.outcome(.ack, [0x91, 1], name: ping.server) else {
            Issue.record("the ack to a ping was not left out")
            return
        }
        for payload in [[], [0xC1], [0x93, 0x90, 0x80, 0x01]] as [[UInt8]] {
            guard case .undecodable = Self.outcome(.all, payload) else {
                Issue.record("\(payload) was forwarded")
                continue
            }
        }
    }

    @Test("an immediate loop is refused: the same server by run_id, otherwise by address, on a watched event key")
    func returnsAtOnce() {
        #expect(places(("r1", "a:1"), ("r1", "b:2")).returnsAtOnce)
        #expect(!places(("r1", "a:1"), ("r2", "a:1")).returnsAtOnce)
        #expect(places((nil, "a:1"), ("r2", "a:1")).returnsAtOnce)
        #expect(!places((nil, "a:1"), (nil, "b:1")).returnsAtOnce)
        #expect(!places(("r1", "a:1"), ("r1", "a:1"), onto: "staging").returnsAtOnce)
        #expect(places(("r1", "a:1"), ("r1", "a:1"), channels: ["chat", "staging"], onto: "staging").returnsAtOnce)
    }

    @Test("the master of a watched replica is the watched server: by its history, without INFO by its address")
    func masterOfTheReplica() async {
        func places(_ source: Server, _ target: Server) -> LoopGuard {
            LoopGuard(
                source: source, target: target, channels: [.signalR2(key: "chat")], route: ForwardRoute(channel: nil))
        }
        let replica = Server(runID: "r1", history: "h", isReplica: true, master: "127.0.0.1:1", endpoint: "a:2")
        let master = Server(runID: "r2", history: "h", endpoint: "elsewhere:1")
        #expect(places(replica, master).objection == .targetIsSource(endpoint: "elsewhere:1"))
        #expect(places(replica, Server(runID: "r2", history: "other", endpoint: "127.0.0.1:1")).objection == nil)
        #expect(places(replica, Server(endpoint: "127.0.0.1:1")).returnsAtOnce)
        var spelt = places(replica, Server(endpoint: "localhost:1"))
        #expect(!spelt.returnsAtOnce)
        await spelt.locate()
        #expect(spelt.returnsAtOnce)
        // A loop of two relays: one at the replica, one that forwards back to the master.
        let there = Server(runID: "r9", history: "h9", endpoint: "b:1")
        let (out, back) = (places(replica, there), places(there, master))
        #expect(back.visited(0).contains(out.leaving(0)))
        #expect(out.visited(0).contains(back.leaving(0)))
        // And a loop of two at masters.
        #expect(places(there, master).visited(0).contains(places(master, there).leaving(0)))
    }

    @Test("without a run_id two spellings of one address are recognized")
    func located() async {
        var places = places((nil, "127.0.0.1:1"), ("r2", "localhost:1"))
        #expect(!places.returnsAtOnce)
        await places.locate()
        #expect(places.returnsAtOnce)
        var other = self.places((nil, "127.0.0.1:1"), ("r2", "localhost:2"))
        await other.locate()
        #expect(!other.returnsAtOnce)
    }

    @Test("a mark identifies server and event key, however the server is addressed")
    func marks() {
        let base = places(("r1", "a:1"), ("r2", "b:1"), channels: ["chat", "news"])
        #expect(base.leaving(0) == places(("r1", "other:9"), ("r2", "b:1")).leaving(0))
        #expect(base.leaving(0) != base.leaving(1))
        #expect(base.leaving(0).count == 16)
        #expect(base.visited(0).first == places(("r2", "b:1"), ("r1", "a:1")).leaving(0))
        #expect(base.visited(1).contains(base.leaving(1)))
    }
}
