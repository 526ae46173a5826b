import Capture
import Foundation
import Logging
import NIOCore
import Prometheus
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

    /// The events of a stream, their data parsed.
    private func parse(_ buffer: ByteBuffer) throws -> (event: String, data: [String: Any]) {
        let text = String(buffer: buffer)
        #expect(text.hasSuffix("\n\n"))
        let lines = text.dropLast(2).split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == 2, "one line of data: \(text)")
        let data = try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst("data: ".count).utf8))
        return (String(lines[0].dropFirst("event: ".count)), try #require(data as? [String: Any]))
    }

    @Test func everythingIsJSONWhateverTheNamesAre() throws {
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

    /// A page that opens must not take the memory that recording needs, however many channels there are.
    @Test func whatAPageIsToldIsBounded() throws {
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

    @Test func whatHappensIsSentAtOnceAndASecondOnce() async throws {
        let page = try #require(feed.pages.open())
        var frames = page.frames.makeAsyncIterator()
        func next() async throws -> (event: String, data: [String: Any]) {
            try parse(try #require(await frames.next()))
        }
        feed.look(at: Self.moment(0.1), isOpen: true)
        var (event, data) = try await next()
        #expect(event == "change" && data["events"] == nil, "the first verdict")
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
