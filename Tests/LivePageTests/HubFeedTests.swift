import Backplane
import Capture
import Cryptography
import Foundation
import NIOCore
import Preflight
import Prometheus
import Redis
import Synchronization
import TestSupport
import Testing
import Time

@testable import LivePage
@testable import Relay

/// ASP.NET Core hubs on the live page, with and without event keys, from the start and later.
@Suite struct HubFeedTests {
    private static let hub = CoreHub(prefix: "orc", type: "Chat.Hubs.ChatHub")

    private final class Seen: Sendable {
        let lines = Mutex<[RelaySnapshot]>([])

        var last: RelaySnapshot? { lines.withLock { $0.last } }
    }

    private static func moment(_ seconds: Double) -> Moment {
        Moment(realtime: UInt64((1_000 + seconds) * 1e9), monotonic: UInt64((1_000 + seconds) * 1e9))
    }

    private static func data(_ buffer: ByteBuffer) throws -> [String: Any] {
        let line = String(buffer: buffer).split(separator: "\n")[1]
        let data = try JSONSerialization.jsonObject(with: Data(line.dropFirst("data: ".count).utf8))
        return try #require(data as? [String: Any])
    }

    private static func channels(_ buffer: ByteBuffer) throws -> [[String: Any]] {
        try #require(try data(buffer)["channels"] as? [[String: Any]])
    }

    private static func invocation(_ method: String, _ argument: String, excluded: [String] = []) -> [UInt8] {
        let json = #"{"type":1,"target":"\#(method)","arguments":["\#(argument)"]}"# + "\u{1E}"
        return CorePayload.invocation(
            CoreInvocation(excluded: excluded, frames: [.init(protocolName: "json", bytes: Array(json.utf8))])
        ).encoded()
    }

    private static func batch(_ records: [(channel: String, payload: [UInt8])], index: Int) -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        batch.receivedAt = 1_700_000_000_500_000_000
        for (channel, payload) in records {
            CoreRecord.bytes(channel: Array(channel.utf8), payload: payload).withUnsafeBytes {
                batch.append(channel: index, payload: $0)
            }
        }
        return batch
    }

    /// The page's content for these envelopes of the hub.
    private static func lines(
        _ records: [(channel: String, payload: [UInt8])], showsValues: Bool = true,
        payload: PayloadPolicy = PayloadPolicy()
    ) throws -> [[String: Any]] {
        let parts = try makeParts(hubs: [hub], payload: payload)
        let feed = LiveFeed(LivePageConfiguration(showsValues: showsValues), of: parts, at: moment(0))
        feed.sampler.want(true)
        for (index, record) in records.enumerated() {
            feed.look(at: moment(Double(index) * 0.1 + 0.1), isOpen: true)
            feed.consume(.batch(batch([record], index: 1)), at: moment(0))
        }
        feed.look(at: moment(10), isOpen: true)
        return try #require(try data(feed.wholeFrame())["lines"] as? [[String: Any]])
    }

    @Test func aNewHubAppearsOnAnOpenPage() async throws {
        let parts = try makeParts(["chat"])
        let feed = LiveFeed(LivePageConfiguration(), of: parts, at: Self.moment(0))
        feed.journal.note(.subscribed(runID: nil, redisVersion: nil), at: Self.moment(0.1))
        let page = try #require(feed.pages.open())
        var frames = page.frames.makeAsyncIterator()
        parts.observing.channels[0].envelopes.increment(by: 5)
        feed.look(at: Self.moment(1), isOpen: true)
        #expect(try Self.channels(try #require(await frames.next())).count == 1)

        #expect(parts.attach([Self.hub]) == 1..<2)
        feed.consume(.attached(1..<2), at: Self.moment(1.1))
        feed.look(at: Self.moment(1.2), isOpen: true)
        var told = try Self.channels(try #require(await frames.next()))
        #expect(told.map { $0["name"] as? String } == ["chat", "orcChat.Hubs.ChatHub"])
        #expect(told.map { $0["backplane"] as? String } == ["signalr2", "core"])
        #expect(told.map { $0["prefix"] as? String } == [nil, "orc"])
        #expect(told[1]["kind"] as? String == "subscribing", "no envelope of the hub has arrived yet")

        feed.consume(.joined(channel: 1), at: Self.moment(1.3))
        feed.look(at: Self.moment(1.4), isOpen: true)
        let frame = try #require(await frames.next())
        told = try Self.channels(frame)
        #expect(told[1]["kind"] as? String == "quiet")
        #expect(told[1]["times"] as? [Int] == [1_001_300])
        let event = try #require((try Self.data(frame)["events"] as? [[String: Any]])?.first)
        #expect(event["event"] as? String == "attached" && event["channel"] as? String == "orcChat.Hubs.ChatHub")
        // Earlier samples are kept.
        #expect((try Self.channels(feed.wholeFrame())[0]["samples"] as? [Any])?.count == 1)
        feed.pages.close(page)
    }

    @Test func aHubIsLeftAndReturns() throws {
        let parts = try makeParts(hubs: [Self.hub])
        let feed = LiveFeed(LivePageConfiguration(), of: parts, at: Self.moment(0))
        feed.journal.note(.subscribed(runID: nil, redisVersion: nil), at: Self.moment(0.1))
        func kind(at seconds: Double) throws -> String? {
            feed.look(at: Self.moment(seconds), isOpen: true)
            return try Self.channels(feed.wholeFrame()).last?["kind"] as? String
        }
        #expect(try kind(at: 1) == "quiet")
        #expect(parts.leave([Self.hub]) == [1])
        feed.consume(.left(channel: 1), at: Self.moment(2))
        #expect(try kind(at: 3) == "not_watched")
        #expect(parts.reattach([Self.hub]) == [1])
        feed.consume(.joined(channel: 1), at: Self.moment(4))
        #expect(try kind(at: 5) == "quiet")
    }

    /// Envelopes before their channel is known are ignored, without a crash.
    @Test func anUnknownIndex() throws {
        let sampler = EnvelopeSampler(forms: [.signalR2])
        sampler.want(true)
        _ = sampler.take()
        let record = ("orcChat.Hubs.ChatHub:all", Self.invocation("Receive", "x"))
        sampler.offer(Self.batch([record], index: 3))
        #expect(sampler.take().isEmpty)
        sampler.know([.signalR2, .signalR2, .signalR2, Self.hub.form])
        sampler.offer(Self.batch([record], index: 3))
        let taken = sampler.take()
        #expect(taken.first?.kind == .all && taken.first?.method == "Receive")

        let parts = try makeParts(["chat"])
        var snapshot = LiveSnapshot(channels: parts.observing.channels, records: false, at: Self.moment(0))
        #expect(snapshot.add(taken).count == 1)
        // Subscribers are not informed of it yet.
        snapshot.attach([parts.observing.channels[0], parts.observing.attach(.core(Self.hub))], at: Self.moment(1))
        _ = snapshot.update(
            LiveSnapshot.Look(subscribers: [5], meant: ["x"]), entries: LiveJournal().take(), at: Self.moment(2))
        #expect(snapshot.verdicts.count == 2)
    }

    @Test func manyHubsShareTheSampleLimit() throws {
        let parts = try makeParts(["chat"])
        let feed = LiveFeed(LivePageConfiguration(), of: parts, at: Self.moment(0))
        for second in 1...100 { feed.look(at: Self.moment(Double(second)), isOpen: false) }
        _ = parts.attach((0..<899).map { CoreHub(type: "Hub\($0)") })
        for second in 101...160 { feed.look(at: Self.moment(Double(second)), isOpen: false) }
        let counts = try Self.channels(feed.wholeFrame()).map { ($0["samples"] as? [Any])?.count ?? 0 }
        #expect(counts.count == 900 && counts.allSatisfy { $0 == SampleRing.capacity(channels: 900) })
    }

    /// Values that the wire does not have are absent, not 0.
    @Test func aHubShowsOnlyWhatItsWireHas() throws {
        let parts = try makeParts(["chat"], hubs: [Self.hub])
        let feed = LiveFeed(LivePageConfiguration(), of: parts, at: Self.moment(0))
        feed.journal.note(.subscribed(runID: nil, redisVersion: nil), at: Self.moment(0.1))
        var observed = ObservedChannels(parts.observing)
        let command = CoreGroupCommand(id: 7, server: "s", action: .add, group: "g", connection: "c")
        let now = Self.moment(0).realtime
        for (channel, payload) in [
            ("all", Self.invocation("Receive", "x")),
            ("internal:groups", CorePayload.groupCommand(command).encoded()),
            ("internal:ack:s", CorePayload.ack(id: 7).encoded()), ("all", Array("rubbish".utf8)),
        ] {
            let record = CoreRecord.bytes(channel: Array((Self.hub.topic + ":" + channel).utf8), payload: payload)
            record.withUnsafeBytes { _ = observed.observe($0, channel: 1, receivedAt: now) }
        }
        observed.publishAll()
        feed.look(at: Self.moment(1), isOpen: false)
        let frame = feed.wholeFrame()
        let told = try Self.channels(frame)
        #expect(told[0]["missing"] as? Int == 0 && told[0]["protocols"] == nil && told[0]["commands"] == nil)
        let hub = told[1]
        #expect(hub["missing"] == nil)
        let text = String(buffer: frame)
        #expect(text.contains(#""protocols":[["json",1,0]]"#))
        #expect(
            text.contains(
                #""commands":[["add to group",1],["with an ack",1],["without an ack within 30 s",0]]"#), "\(text)")
        #expect(hub["kind"] as? String == "undecodable" && hub["undecodable"] as? Int == 1)
        let said = try #require(hub["text"] as? String)
        #expect(said.contains("completeness is unknown on this wire") && !said.contains("latency"))
        let sample = try #require((hub["samples"] as? [[Any]])?.first)
        #expect(sample[3] as? Int == 0 && sample[4] as? Double != nil, "an ack counts, and has a time")
    }

    @Test func linesDescribeEnvelopesOfBothProtocols() throws {
        let command = CoreGroupCommand(id: 7, server: "s", action: .remove, group: "room 1", connection: "conn")
        let ping = CorePing()
        let frame: [UInt8] =
            [0x0D, 0x96, 0x01, 0x80, 0xC0, 0xA3] + Array("Say".utf8) + [0x91, 0xA2] + Array("hi".utf8) + [0x90]
        let messagePack = CorePayload.invocation(
            CoreInvocation(excluded: [], frames: [.init(protocolName: "messagepack", bytes: frame)])
        ).encoded()
        let lines = try Self.lines([
            ("\(Self.hub.topic):group:room 1", Self.invocation("Receive", "secret")),
            ("\(Self.hub.topic):user:ann", messagePack),
            ("\(Self.hub.topic):internal:groups", CorePayload.groupCommand(command).encoded()),
            ("\(Self.hub.topic):internal:ack:s", CorePayload.ack(id: 7).encoded()),
            ("\(Self.hub.topic):internal:groups", ping.command(id: 3, connection: "conn")),
            ("\(Self.hub.topic):internal:ack:\(ping.server)", CorePayload.ack(id: 3).encoded()),
            ("\(Self.hub.topic):all", [0xC1]),
        ])
        func column(_ name: String) -> [String?] { lines.map { $0[name] as? String } }
        #expect(
            column("kind") == ["group", "user", "group_command", "ack", "group_command", "ack", "undecodable"])
        #expect(column("target") == ["room 1", "ann", "room 1", "s", CorePing.group, ping.server, nil])
        #expect(column("hub") == ["ChatHub", "ChatHub", nil, nil, nil, nil, nil])
        #expect(
            column("method") == [
                "Receive", "Say", "remove from group", "of command 7", "ping 3 of a relay", "of a relay's ping 3", nil,
            ])
        #expect(
            column("value") == [#"["secret"]"#, #"["hi"]"#, "connection conn", nil, "connection conn", nil, nil])
        #expect(column("id").allSatisfy { $0 == nil } && lines.allSatisfy { $0["latency"] == nil })
        #expect(lines.last?["size"] as? Int == 1, "the size must be that of the payload alone")
    }

    @Test func everyVectorIsALine() throws {
        for vectors in try CoreVectors.all() {
            for vector in vectors.payloads {
                let record = vector.record
                let envelope = record.withUnsafeBytes {
                    SampledEnvelope($0, vectors.hub.form, channel: 0, receivedAt: 1)
                }
                let line = LiveLine(envelope, number: 1, showsValue: true)
                #expect(line.kind == EnvelopeKind(vector.kind).label && line.size == vector.payload.count)
                // A payload cut anywhere is a line too.
                for count in record.indices {
                    record.withUnsafeBytes { bytes in
                        let cut = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                        let envelope = SampledEnvelope(cut, vectors.hub.form, channel: 0, receivedAt: 1)
                        #expect(LiveLine(envelope, number: 1, showsValue: true).kind == "undecodable")
                    }
                }
            }
        }
    }

    /// Data that is not recorded is not shown.
    @Test(arguments: [PayloadMode.full, .hash, .none]) func dataThatIsNotRecordedIsNotShown(mode: PayloadMode) throws {
        let record = ("\(Self.hub.topic):user:ann", Self.invocation("Receive", "secret", excluded: ["conn"]))
        var policy = PayloadPolicy(mode: mode)
        let plain = try #require(try Self.lines([record], payload: policy).first)
        #expect((plain["value"] as? String == nil) == (mode != .full))
        #expect(plain["target"] as? String == "ann")
        policy.namesKey = .random()
        let hashed = try #require(try Self.lines([record], payload: policy).first)
        #expect(hashed["target"] == nil && hashed["value"] == nil && hashed["method"] as? String == "Receive")
        let redacted = try #require(
            try Self.lines([record], payload: PayloadPolicy(mode: .full, redactedKeys: ["x"])).first)
        #expect(redacted["value"] == nil)
        #expect(try Self.lines([record], showsValues: false).first?["value"] == nil)
    }

    @Test func noHubYet() throws {
        let seen = Seen()
        let parts = try makeParts([], core: CoreAttachment(prefix: "orc", findsHubs: true))
        let feed = LiveFeed(
            LivePageConfiguration(onSnapshot: { line in seen.lines.withLock { $0.append(line) } }), of: parts,
            at: Self.moment(0))
        feed.journal.note(.subscribed(runID: nil, redisVersion: nil), at: Self.moment(0.1))
        feed.look(at: Self.moment(1), isOpen: false)
        let empty = try #require(try Self.data(feed.wholeFrame())["empty"] as? [String: Any])
        #expect((empty["text"] as? String)?.hasPrefix("no hub yet") == true)
        #expect(seen.last?.channels.map(\.name) == ["hubs"])
        _ = parts.attach([Self.hub])
        feed.look(at: Self.moment(2), isOpen: false)
        #expect(try Self.data(feed.wholeFrame())["empty"] == nil)
        #expect(seen.last?.channels.first?.isHub == true)
    }
}
