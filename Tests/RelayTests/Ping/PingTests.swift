import Backplane
import Testing
import Time

@testable import Relay

@Suite struct PingTests {
    private static let chat = CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")
    private static let news = CoreHub(prefix: "app:", type: "NewsHub")

    @Test("the command has a real node's format, from a sender that is not a node")
    func command() throws {
        let ping = CorePing()
        #expect(ping.server.wholeMatch(of: #/backplane-relay~ping_[0-9a-f]{32}/#) != nil)
        #expect(CorePing().server != ping.server)
        let payload = ping.command(id: 7, connection: "0123456789abcdefghijkl")
        guard case .groupCommand(let command) = try CorePayload(decoding: payload, as: .groupCommand) else {
            Issue.record("no group command")
            return
        }
        #expect(
            command
                == CoreGroupCommand(
                    id: 7, server: ping.server, action: .remove, group: CorePing.group,
                    connection: "0123456789abcdefghijkl"))
        #expect(CorePing.isSender(ping.server.utf8))
        for server in ["", "web1_0123456789abcdef0123456789abcdef", "backplane-relay_0123", "backplane-relay~ping_"] {
            #expect(!CorePing.isSender(server.utf8), "\(server)")
            #expect(!Array(server.utf8).withUnsafeBytes { CorePing.isSender($0) }, "\(server)")
        }
        #expect(Array(ping.server.utf8).withUnsafeBytes { CorePing.isSender($0) })
    }

    @Test("each ping is answered once, with its round-trip time")
    func pending() {
        var pending = PendingPings()
        let (first, second) = (pending.begin(at: 100), pending.begin(at: 150))
        #expect([first, second] == [1, 2])
        #expect(pending.answered(second, at: 180) == 30)
        #expect(pending.answered(second, at: 190) == nil, "twice")
        pending.forget(first)
        #expect(pending.answered(first, at: 200) == nil, "too late")
        #expect(pending.answered(99, at: 200) == nil)
        for _ in 0..<PendingPings.limit { _ = pending.begin(at: 0) }
        #expect(!pending.hasRoom)
    }

    @Test("connections are sampled by hub, each once, and not too many in a round")
    func sample() {
        var random = SystemRandomNumberGenerator()
        let channels =
            (0..<20).map { Self.chat.channel(.connection, Array("c\($0)".utf8)) }
            + [
                Self.news.channel(.connection, Array("n".utf8)),
                // Groups with names that look like channels of connections.
                Self.news.channel(.group, Array("x:connection:y".utf8)),
                CoreHub(prefix: "app:", type: "Other").channel(.connection, Array("o".utf8)),
            ]
        var sample = PingSample(prefix: "app:")
        sample.found(channels)
        let chosen = sample.choose(of: [Self.chat, Self.news], using: &random)
        #expect(chosen.count { $0.hub == Self.news } == 1)
        #expect(chosen.first { $0.hub == Self.news }?.connection == "n")
        let ofChat = chosen.filter { $0.hub == Self.chat }.map(\.connection)
        #expect(ofChat.count == PingSample.connections && Set(ofChat).count == ofChat.count)
        var seen: Set<String> = []
        for _ in 0..<200 {
            seen.formUnion(sample.choose(of: [Self.chat], using: &random).map(\.connection))
        }
        #expect(seen.count == 20, "each is chosen eventually")
        let many = (0..<100).map { CoreHub(type: "Hub\($0)") }
        let all = many.flatMap { hub in (0..<9).map { hub.channel(.connection, Array("c\($0)".utf8)) } }
        sample.found(all)
        #expect(sample.choose(of: many, using: &random).count == PingSample.connectionsARound)
    }

    @Test("where connections are many, Redis names only those whose ids begin with one character")
    func narrow() {
        var random = SystemRandomNumberGenerator()
        func pattern(_ sample: PingSample) -> String {
            String(decoding: sample.pattern(using: &random), as: UTF8.self)
        }
        func channels(_ count: Int) -> [[UInt8]] {
            (0..<count).map { Self.chat.channel(.connection, Array("c\($0)".utf8)) }
        }
        var sample = PingSample(prefix: "a*:")
        #expect(pattern(sample) == #"a\*:*:connection:*"#)
        sample.found(channels(PingSample.manyChannels))
        #expect(pattern(sample) == #"a\*:*:connection:*"#)
        sample.found(channels(PingSample.manyChannels + 1))
        #expect(Set((0..<100).map { _ in pattern(sample) }).count > 10)
        #expect(pattern(sample).wholeMatch(of: #/a\\\*:\*:connection:[A-Za-z0-9_-]\*/#) != nil)
        sample.found(channels(40))
        #expect(pattern(sample) != #"a\*:*:connection:*"#)
        #expect(sample.choose(of: [Self.chat], using: &random).count == PingSample.connections)
        sample.found([])
        #expect(pattern(sample) == #"a\*:*:connection:*"#)
        #expect(!sample.choose(of: [Self.chat], using: &random).isEmpty, "the last answer is kept until the next")
    }

    @Test("the first timeout and the recovery are reported, for each hub")
    func health() {
        var health = PingHealth()
        #expect(health.round(Self.chat, answered: 3, timedOut: 0) == nil)
        #expect(health.round(Self.chat, answered: 2, timedOut: 1) == .stopped)
        #expect(health.round(Self.news, answered: 0, timedOut: 1) == .stopped)
        #expect(health.round(Self.chat, answered: 0, timedOut: 3) == nil)
        #expect(health.round(Self.chat, answered: 0, timedOut: 0) == nil, "no query was sent")
        #expect(health.round(Self.chat, answered: 3, timedOut: 0) == .recovered)
        #expect(health.round(Self.chat, answered: 3, timedOut: 0) == nil)
    }

    /// The pinged connection may have ended, and no group changes.
    @Test("a relay's ping is neither a group change nor a missing ack")
    func observed() {
        let metrics = makeMetrics(hubs: [Self.chat])
        var observer = metrics.coreObserver()
        let ping = CorePing()
        let commands = [
            ping.command(id: 1, connection: "c"),
            CoreGroupCommand(id: 1, server: "web1_1", action: .remove, group: "g", connection: "c").encoded(),
        ]
        for payload in commands {
            let record = CoreRecord.bytes(channel: Self.chat.channel(.groupCommand, []), payload: payload)
            record.withUnsafeBytes { observer.observe($0, receivedAt: 1_000_000_000_000) }
        }
        observer.publish()
        observer.tick(Moment(realtime: 1_100_000_000_000, monotonic: 0))
        func sample(_ name: String, _ labels: String = "") -> Double? {
            metrics.sample(
                #"signalr_backplane_\#(name){channel="app:Chat.Hubs.ChatHub",backplane="core"\#(labels)}"#)
        }
        #expect(sample("envelopes_total") == 2)
        #expect(sample("commands_total", #",command="remove_from_group""#) == 1)
        #expect(sample("group_acks_missing_total") == 1)
    }
}
