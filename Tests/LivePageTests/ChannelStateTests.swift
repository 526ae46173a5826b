import Testing

@testable import LivePage
@testable import Relay

/// The sentence for every state of a channel.
@Suite struct ChannelStateTests {
    private static let second: UInt64 = 1_000_000_000
    /// Seconds since 1970 at which all cases are evaluated.
    private static let now: UInt64 = 10_000

    struct Case: Sendable, CustomTestStringConvertible {
        var expected: String
        var kind: ChannelVerdict.Kind
        var change: @Sendable (inout ChannelState) -> Void

        var testDescription: String { expected }

        init(
            _ kind: ChannelVerdict.Kind, _ expected: String, _ change: @escaping @Sendable (inout ChannelState) -> Void
        ) {
            self.kind = kind
            self.expected = expected
            self.change = change
        }
    }

    /// Subscribed since 1,000 s, 1,240 envelopes per second, recording.
    private static var healthy: ChannelState {
        ChannelState(
            now: now * second, watchedSince: at(1_000), connection: .subscribed(since: at(1_000)), rate: 1_240,
            latency: LatencyWindow.Quantiles(median: 0.003, p99: 0.009), lastEnvelopeAt: at(9_999), listeners: 5,
            recording: .writing)
    }

    private static func at(_ seconds: UInt64) -> UInt64 { seconds * second }

    /// Of ASP.NET Core, whose wire has no publisher's time.
    private static func makeHub(_ state: inout ChannelState) {
        state.hub = HubState()
        state.latency = nil
    }

    /// Times are written as `<seconds>`.
    static let cases: [Case] = [
        Case(.healthy, "healthy: 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>") {
            _ in
        },
        Case(
            .healthy,
            "healthy: 1,240 envelopes/s, latency 3 ms, nothing missing since <1000>, not recorded"
        ) {
            $0.recording = .off
            $0.listeners = nil
        },
        Case(
            .interleaved,
            "2 counters publishing in turn since <9000>: applications in databases 0 and 1 share the event key, give each its own; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, missing ids unknown"
        ) {
            $0.interleaving = .init(firstAt: at(9_000), lastAt: at(9_990), counters: 2, databases: ["0", "1"])
            $0.reset = .init(at: at(9_995), from: 10, to: 2, highest: 10)
            $0.gap = .init(firstAt: at(9_990), lastAt: at(9_995), missing: 4, cause: "foreign_publish")
        },
        Case(
            .healthy,
            "healthy: 1,240 envelopes/s, latency 3 ms, 5 other subscribers, missing ids unknown"
        ) {
            $0.interleaving = .init(firstAt: at(8_000), lastAt: at(9_000), counters: 2, databases: [])
        },
        Case(.healthy, "healthy: 0.5 envelopes/s, 1 other subscriber, nothing missing since <9000>") {
            $0.rate = 0.5
            $0.latency = nil
            $0.listeners = 1
            $0.gap = .init(firstAt: at(8_990), lastAt: at(9_000), missing: 4, cause: "connection_lost")
        },
        Case(.healthy, "healthy: no envelope since <9994>, 5 other subscribers, nothing missing since <1000>") {
            $0.rate = 0
            $0.lastEnvelopeAt = at(9_994)
        },
        Case(.quiet, "quiet: no envelope since <9990>, 5 other subscribers, nothing missing since <1000>") {
            $0.rate = 0
            $0.lastEnvelopeAt = at(9_990)
        },
        Case(
            .quiet,
            "quiet: no envelope yet, subscribed since <9999>; no node is subscribed: is the event key spelled as in Startup.cs?"
        ) {
            $0.rate = 0
            $0.connection = .subscribed(since: at(9_999))
            $0.watchedSince = at(9_999)
            $0.lastEnvelopeAt = nil
            $0.listeners = 0
        },
        Case(
            .healthy, "healthy: 1,240 envelopes/s, 5 other subscribers, completeness is unknown on this wire"
        ) { makeHub(&$0) },
        Case(.quiet, "quiet: no envelope since <9990>, completeness is unknown on this wire, not recorded") {
            makeHub(&$0)
            $0.rate = 0
            $0.lastEnvelopeAt = at(9_990)
            $0.listeners = nil
            $0.recording = .off
        },
        Case(
            .noNodes,
            "no nodes: only this relay is subscribed to the hub; does its application run, and are the hub's type and the channel prefix right? no envelope yet, subscribed since <1000>"
        ) {
            makeHub(&$0)
            $0.rate = 0
            $0.lastEnvelopeAt = nil
            $0.listeners = 0
        },
        Case(
            .notWatched,
            "not watched since <9000>: the hub had no nodes; the relay watches it again when a node comes"
        ) {
            makeHub(&$0)
            $0.hub?.leftAt = at(9_000)
            $0.hub?.undecodable = .init(firstAt: at(9_990), lastAt: at(9_990), count: 1)
            $0.rate = 0
            $0.listeners = nil
        },
        Case(
            .protocolMissing,
            "protocol missing: 12 envelopes without messagepack since <9950>, which other envelopes of the hub have; nodes disconnect clients that need it; 1,240 envelopes/s, 5 other subscribers, completeness is unknown on this wire"
        ) {
            makeHub(&$0)
            $0.hub?.lacking = [
                "json": .init(firstAt: at(9_000), lastAt: at(9_100), count: 90),
                "messagepack": .init(firstAt: at(9_950), lastAt: at(9_990), count: 12),
            ]
            $0.hub?.undecodable = .init(firstAt: at(9_990), lastAt: at(9_990), count: 1)
        },
        Case(
            .undecodable,
            "undecodable: 1 payload since <9990> that no node of ASP.NET Core sends; what else publishes there? 1,240 envelopes/s, 5 other subscribers, completeness is unknown on this wire"
        ) {
            makeHub(&$0)
            $0.hub?.undecodable = .init(firstAt: at(9_990), lastAt: at(9_990), count: 1)
            $0.hub?.missingAcks = .init(firstAt: at(9_990), lastAt: at(9_990), count: 1)
        },
        Case(
            .acksMissing,
            "acks missing: 2 group commands since <9980> without an ack within 30 s; does each node receive from the backplane? 1,240 envelopes/s, 5 other subscribers, completeness is unknown on this wire"
        ) {
            makeHub(&$0)
            $0.hub?.missingAcks = .init(firstAt: at(9_980), lastAt: at(9_990), count: 2)
        },
        Case(
            .paused,
            "recording paused: disk space low since <9000>, 3 envelopes not recorded; 1,240 envelopes/s, 5 other subscribers, completeness is unknown on this wire"
        ) {
            makeHub(&$0)
            $0.recording = .paused(since: at(9_000), lost: 3)
        },
        Case(
            .demoted,
            "Redis demoted: since <9995> the server is a replica of 10.0.0.2:6379, and nodes publish to its master; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>"
        ) {
            $0.masterLoss = MasterLoss(master: "10.0.0.2:6379", since: at(9_995))
        },
        Case(
            .linkDown,
            "replica without its master: since <9995> it does not receive from 10.0.0.2:6379, and nothing that nodes publish arrives; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>"
        ) {
            $0.replica = ReplicaHealth(master: "10.0.0.2:6379", isLinked: false, since: at(9_995))
        },
        Case(
            .healthy,
            "healthy: 1,240 envelopes/s, latency 3 ms, the replica is 2.5 s behind its master, 5 other subscribers, nothing missing since <1000>"
        ) {
            $0.replica = ReplicaHealth(master: "10.0.0.2:6379", isLinked: true, since: at(1_000), lag: 2.5)
        },
        Case(
            .slowSubscriber,
            "slow subscriber: 'web?1' at 10.0.0.7 (and 1 more) reads too slowly or not at all, 12.0 MiB waiting in Redis; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>"
        ) {
            $0.slow = [
                .init(name: "web{1", address: "10.0.0.7", waiting: 12 << 20),
                .init(name: "web2", address: "10.0.0.7", waiting: 2 << 20),
            ]
        },
        Case(
            .dropping,
            "dropping: 1 envelope received and not recorded since <9990>; larger than the buffer; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>"
        ) {
            $0.drops = .init(firstAt: at(9_990), lastAt: at(9_990), envelopes: 1, oversized: 1)
        },
        Case(.subscribing, "subscribing since <9998>: Redis has not answered yet") {
            $0.connection = .connecting(since: at(9_998))
        },
        Case(.subscribing, "subscribing since <9990>: Redis has not answered yet; the log says why") {
            $0.connection = .connecting(since: at(9_990))
        },
        Case(
            .redisDown,
            "Redis down: no connection since <9997> (Redis closed it); anything published meanwhile is missed"
        ) {
            $0.connection = .lost(since: at(9_997), cause: "closed_by_server")
        },
        Case(
            .gap,
            "gap: 12 ids missing since <9970> (the connection was lost); 1,240 envelopes/s, latency 3 ms, 5 other subscribers"
        ) {
            $0.gap = .init(firstAt: at(9_970), lastAt: at(9_980), missing: 12, cause: "connection_lost")
        },
        Case(
            .gap,
            "gap: 1 id missing since <9999> (the counter moved without a publish); no envelope since <9999>, 5 other subscribers"
        ) {
            $0.gap = .init(firstAt: at(9_999), lastAt: at(9_999), missing: 1, cause: "foreign_publish")
            $0.rate = 0
        },
        Case(
            .reset,
            "counter set back at <9990>: id 1 came after 8,120, clients may miss messages until it catches up; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>"
        ) { $0.reset = .init(at: at(9_990), from: 8_120, to: 1, highest: 8_120) },
        Case(
            .healthy,
            "healthy: 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>; the counter was set back at <9000>: earlier clients may miss messages until id 8,120"
        ) {
            $0.reset = .init(at: at(9_000), from: 12, to: 1, highest: 8_120)
            $0.lastID = 8_119
        },
        Case(.healthy, "healthy: 1,240 envelopes/s, latency 3 ms, 5 other subscribers, nothing missing since <1000>") {
            $0.reset = .init(at: at(9_000), from: 12, to: 1, highest: 8_120)
            $0.lastID = 8_120
        },
        Case(
            .dropping,
            "dropping: 3,000 envelopes received and not recorded since <9990>; is the disk too slow, or the buffer too small? 1,240 envelopes/s, latency 3 ms, 5 other subscribers, 3,000 ids missing since <9991>"
        ) {
            $0.drops = .init(firstAt: at(9_990), lastAt: at(9_995), envelopes: 3_000)
            $0.gap = .init(firstAt: at(9_991), lastAt: at(9_995), missing: 3_000, cause: "dropped")
        },
        Case(
            .paused,
            "recording paused: disk space low since <9900>, 312 envelopes not recorded; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, all ids received since <1000>"
        ) { $0.recording = .paused(since: at(9_900), lost: 312) },
        Case(
            .notRecording,
            "not recording: writing to the capture has failed since <9900>, 1 envelope lost; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, all ids received since <1000>"
        ) { $0.recording = .failing(since: at(9_900), lost: 1) },
        Case(
            .paused,
            "recording paused: disk space low since <9900>, 312 envelopes of all channels not recorded; 1,240 envelopes/s, latency 3 ms, 5 other subscribers, all ids received since <1000>"
        ) {
            $0.recording = .paused(since: at(9_900), lost: 312)
            $0.isOneOfMany = true
        },
        Case(
            .hanging, "the relay has not responded since <9993>: is this machine overloaded? Traffic figures are stale"
        ) {
            $0.recording = .off
            $0.silence = 7 * second
        },
        Case(
            .hanging,
            "the recorder has not responded since <9993>: the disk does not answer. Traffic figures are stale"
        ) {
            $0.silence = 7 * second
            $0.connection = .lost(since: at(9_000), cause: "no_answer")
        },
    ]

    @Test(arguments: cases) func sentences(_ example: Case) {
        var state = Self.healthy
        example.change(&state)
        let verdict = state.verdict
        var text = verdict.sentence.text
        for (index, time) in verdict.sentence.times.enumerated() {
            text = text.replacing("{\(index)}", with: "<\(time / Self.second)>")
        }
        #expect(text == example.expected)
        #expect(verdict.kind == example.kind)
        #expect(!text.contains("{") && !text.contains("}"))
    }

    @Test func everyKindHasACase() {
        #expect(Set(Self.cases.map(\.kind)) == Set(ChannelVerdict.Kind.allCases))
    }

    @Test func aRedisThatDoesNotRespondIsDown() {
        var state = Self.healthy
        state.connection = .connecting(since: state.now - ChannelState.patience + 1)
        #expect(state.verdict.level == .warning)
        state.now += 1
        #expect(state.verdict.level == .bad)
    }

    @Test func newsOfAHubExpires() {
        var state = Self.healthy
        Self.makeHub(&state)
        let news = HubState.News(firstAt: 0, lastAt: state.now - ChannelState.newsSpan + 1, count: 3)
        state.hub?.missingAcks = news
        #expect(state.verdict.kind == .acksMissing && state.figures.missing == 3)
        state.hub?.lacking = ["json": news]
        #expect(state.verdict.kind == .protocolMissing)
        state.now += 1
        #expect(state.verdict.kind == .healthy && state.figures.missing == 0)
    }

    @Test func newsExpires() {
        var state = Self.healthy
        state.gap = .init(firstAt: 0, lastAt: state.now - ChannelState.newsSpan + 1, missing: 1, cause: "unknown")
        #expect(state.verdict.kind == .gap)
        state.now += 1
        state.lastEnvelopeAt = state.now
        #expect(state.verdict.kind == .healthy)
    }

    @Test(arguments: [
        (0, "0"), (0.04, "less than 0.1"), (0.96, "1"), (1.24, "1.2"), (9.99, "10"), (999.6, "1,000"),
        (1_234_567, "1,234,567"),
    ]) func rates(rate: Double, text: String) { #expect(Words.rate(rate) == text) }

    @Test(arguments: [(0.000_4, "below 1 ms"), (0.003_4, "3 ms"), (0.999_4, "999 ms"), (1.25, "1.3 s"), (10, "10.0 s")])
    func durations(seconds: Double, text: String) { #expect(Words.duration(seconds) == text) }

    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (UInt64.max, "18,446,744,073,709,551,615")])
    func counts(number: UInt64, text: String) { #expect(Words.count(number) == text) }
}
