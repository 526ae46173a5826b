import Backplane
import Capture
import Foundation
import Logging
import NIOCore
import Prometheus
import Redis
import Testing
import Time

@testable import LivePage
@testable import Relay

@Suite struct LiveFeedTests {
    private static let hostile = "<img src=x onerror=alert(1)>\"\n\u{2028}\u{0}"

    private let parts: RelayParts
    private let feed: LiveFeed

    init() throws {
        parts = try makeParts([Self.hostile])
        feed = LiveFeed(
            LivePageConfiguration(links: LiveLinks([LiveLink(title: "Chat", url: "http://127.0.0.1:1/")])),
            of: parts, at: Self.moment(0))
    }

    private static func moment(_ seconds: Double) -> Moment {
        Moment(realtime: UInt64((1_000 + seconds) * 1e9), monotonic: UInt64((1_000 + seconds) * 1e9))
    }

    /// The events of a stream, with parsed data.
    private func parse(_ buffer: ByteBuffer) throws -> (event: String, data: [String: Any]) {
        let text = String(buffer: buffer)
        #expect(text.hasSuffix("\n\n"))
        let lines = text.dropLast(2).split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == 2, "one line of data: \(text)")
        let data = try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst("data: ".count).utf8))
        return (String(lines[0].dropFirst("event: ".count)), try #require(data as? [String: Any]))
    }

    @Test func everythingIsValidJSONForAnyNames() throws {
        feed.journal.note(.subscribed(runID: "r", redisVersion: "7"), at: Self.moment(0.1))
        feed.journal.note(.gap(channel: Self.hostile, from: 3, to: 5, cause: .foreignPublish), at: Self.moment(0.2))
        parts.observing.channels[0].envelopes.increment(by: 10)
        parts.observing.channels[0].signalR2?.deliveryLatency.observe(0.003)
        feed.look(at: Self.moment(1), isOpen: false)
        let (event, data) = try parse(feed.wholeFrame())
        #expect(event == "state")
        let channel = try #require((data["channels"] as? [[String: Any]])?.first)
        #expect(channel["name"] as? String == Self.hostile)
        #expect(channel["kind"] as? String == "gap")
        #expect((channel["samples"] as? [[Any]])?.count == 1)
        let events = try #require(data["events"] as? [[String: Any]])
        #expect(events.map { $0["event"] as? String } == ["subscribed", "gap"])
        #expect(events.last?["channel"] as? String == Self.hostile)
        #expect((data["links"] as? [[String: String]])?.first?["title"] == "Chat")
        #expect(data["segments"] == nil)
    }

    /// A page that opens must not use the memory needed for recording, for any number of channels.
    @Test func theDataForAPageIsBounded() throws {
        let parts = try makeParts((0..<1_000).map { "channel-\($0)" })
        let feed = LiveFeed(LivePageConfiguration(), of: parts, at: Self.moment(0))
        for second in 1...60 {
            for channel in parts.observing.channels { channel.envelopes.increment(by: 12_345) }
            feed.look(at: Self.moment(Double(second)), isOpen: false)
        }
        let channels = try #require(try parse(feed.wholeFrame()).data["channels"] as? [[String: Any]])
        #expect(channels.count == 1_000)
        #expect(channels.allSatisfy { ($0["samples"] as? [[Any]])?.count == 45 })
        #expect(channels.allSatisfy { ($0["samples"] as? [[Any]])?.last?.first as? Int == 1_060_000 })
    }

    @Test func eventsAreSentImmediatelyAndSamplesOncePerSecond() async throws {
        let page = try #require(feed.pages.open())
        var frames = page.frames.makeAsyncIterator()
        func next() async throws -> (event: String, data: [String: Any]) {
            try parse(try #require(await frames.next()))
        }
        feed.look(at: Self.moment(0.1), isOpen: true)
        var (event, data) = try await next()
        #expect(event == "change" && data["events"] == nil, "the first state is no event")
        feed.look(at: Self.moment(0.2), isOpen: true)
        feed.journal.note(.subscribed(runID: nil, redisVersion: nil), at: Self.moment(0.25))
        feed.look(at: Self.moment(0.3), isOpen: true)
        (event, data) = try await next()
        #expect(event == "change")
        #expect((data["events"] as? [Any])?.count == 1)
        feed.look(at: Self.moment(1), isOpen: true)
        (event, data) = try await next()
        #expect(event == "tick" && data["events"] == nil)
        #expect(((data["channels"] as? [[String: Any]])?.first?["samples"] as? [Any])?.count == 1)
        let sequence = try #require(data["seq"] as? Int)
        #expect(try parse(feed.wholeFrame()).data["seq"] as? Int == sequence)
        feed.pages.close(page)
        #expect(await frames.next() == nil)
    }

    @Test func fifteenMinutesAreKept() throws {
        for second in 1...1_000 { feed.look(at: Self.moment(Double(second)), isOpen: false) }
        let channel = (try parse(feed.wholeFrame()).data["channels"] as? [[String: Any]])?.first
        let samples = try #require(channel?["samples"] as? [[Any]])
        #expect(samples.count == 900)
    }
}

@Suite struct EnvelopeSamplerTests {
    private func batch(_ count: Int, channel: Int = 0, id: UInt64 = 1) -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        let message = Message(
            source: "s", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"send","A":["secret"]}"#.utf8))
        batch.receivedAt = 1_700_000_000_500_000_000
        for index in 0..<count {
            let envelope = Envelope(
                id: id + UInt64(index),
                body: ScaleoutMessage(
                    messages: [message], createdTicks: DotNetTicks(unixNanoseconds: 1_700_000_000_000_000_000).rawValue)
            )
            envelope.encoded().withUnsafeBytes { batch.append(channel: channel, payload: $0) }
        }
        return batch
    }

    @Test func nothingIsSampledWithoutAnOpenPage() {
        let sampler = EnvelopeSampler(forms: [.signalR2])
        _ = sampler.take()
        sampler.offer(batch(10))
        #expect(sampler.take().isEmpty)
        sampler.want(true)
        sampler.offer(batch(10))
        #expect(sampler.take().count == EnvelopeSampler.share)
        sampler.want(false)
        sampler.offer(batch(10))
        #expect(sampler.take().isEmpty)
    }

    @Test func aBusyChannelDoesNotDisplaceAQuietOne() {
        let sampler = EnvelopeSampler(forms: [.signalR2, .signalR2])
        _ = sampler.take()
        sampler.want(true)
        for _ in 0..<1_000 { sampler.offer(batch(100)) }
        sampler.offer(batch(1, channel: 1))
        let taken = sampler.take()
        #expect(taken.count { $0.channel == 0 } == EnvelopeSampler.share)
        #expect(taken.count { $0.channel == 1 } == 1)
    }

    @Test func aLineHasItsKindAndAHiddenValue() throws {
        let sampler = EnvelopeSampler(forms: [.signalR2])
        _ = sampler.take()
        sampler.want(true)
        sampler.offer(batch(1, id: 42))
        let envelope = try #require(sampler.take().first)
        let line = LiveLine(envelope, number: 1, showsValue: false)
        #expect(line.id == 42 && line.kind == "hub" && line.hub == "chatHub" && line.method == "send")
        #expect(line.latency == 0.5 && line.value == nil)
        #expect(LiveLine(envelope, number: 1, showsValue: true).value?.contains("secret") == true)
    }

    @Test func anUndecodablePayloadIsALineToo() {
        let line = Array("17 rubbish".utf8).withUnsafeBytes {
            LiveLine(SampledEnvelope($0, channel: 0, receivedAt: 1), number: 1, showsValue: true)
        }
        #expect(line.kind == "undecodable" && line.id == 17 && line.size == 10 && line.messages == 0)
    }

    @Test func topCallsAreCapped() {
        var calls = TopCalls()
        for number in 0..<1_000 { calls.count(hub: "hub", method: "method\(number)") }
        for _ in 0..<3 { calls.count(hub: "hub", method: "method7") }
        #expect(calls.total == 1_003)
        #expect(calls.rows.count == TopCalls.shown)
        #expect(calls.rows.first == TopCalls.Row(hub: "hub", method: "method7", count: 4))
    }

    @Test(arguments: [(CommandType.addToGroup, "add to group"), (.abort, "abort")])
    func aCommandIsNamed(type: CommandType, name: String) {
        let command = Command(waitForAck: true, id: "c", type: type, value: "hg-chatHub.secret")
        let message = Message(source: "s", key: "c-x", value: command.encoded(), commandID: "c", waitForAck: true)
        let envelope = Envelope(id: 7, body: ScaleoutMessage(messages: [message], createdTicks: 0))
        let line = envelope.encoded().withUnsafeBytes {
            LiveLine(SampledEnvelope($0, channel: 0, receivedAt: 1), number: 1, showsValue: false)
        }
        #expect(line.kind == "command" && line.hub == nil && line.method == name && line.value == nil)
    }
}
