import Backplane
import Capture
import Foundation
import Testing
import Time

@testable import Relay

@Suite struct ChannelObserverTests {
    private static let now: UInt64 = 1_795_400_000_000_000_000

    private func observe(
        _ payloads: [[UInt8]], metrics: RelayMetrics, lastID: UInt64? = nil
    ) -> [ChannelObserver.Seen] {
        var observer = metrics.observer(lastID: lastID)
        let seen = payloads.map { payload in
            payload.withUnsafeBytes { observer.observe($0, receivedAt: Self.now) }
        }
        for seen in seen {
            if let sequence = seen.sequence { observer.count(sequence) }
        }
        observer.tick(Moment(realtime: Self.now + 31_000_000_000, monotonic: 31_000_000_000))
        observer.publish()
        return seen
    }

    @Test func aGroupCommandWithoutAnAck() throws {
        let command = Command(waitForAck: true, id: "7e5b6b53", type: .addToGroup, value: "hg-chatHub.room")
        let message = Message(
            source: "s", key: "c-1", value: command.encoded(), commandID: command.id, waitForAck: true)
        let ticks = DotNetTicks(unixNanoseconds: Int64(Self.now)).rawValue
        let payload = Envelope(id: 1, body: ScaleoutMessage(messages: [message], createdTicks: ticks)).encoded()
        let missing = #"signalr_backplane_group_acks_missing_total{channel="chat",backplane="signalr2"}"#
        let metrics = makeMetrics()
        #expect(metrics.sample(missing) == 0)
        _ = observe([payload], metrics: metrics)
        #expect(metrics.sample(missing) == 1)
        #expect(
            metrics.sample(#"signalr_backplane_group_ack_duration_seconds_count{channel="chat",backplane="signalr2"}"#)
                == 0)
        // Missed envelopes may have contained the ack.
        let other = makeMetrics()
        _ = observe([payload, Array("9".utf8) + payload.dropFirst()], metrics: other)
        #expect(other.sample(missing) == 0)
    }

    /// The table of signals from the design, repeated independently.
    private func kind(_ message: Vector.Message) -> String {
        if message.isAck || message.key == "__SIGNALR__SERVER__" { return "ack" }
        if !message.commandID.isEmpty { return "command" }
        let kinds = [
            "h": "hub", "hc": "client", "hg": "group", "hu": "user", "c": "connection", "pc": "persistent_connection",
            "pcg": "persistent_connection_group",
        ]
        return kinds[String(message.key.prefix { $0 != "-" })] ?? "other"
    }

    @Test func trafficOfRealNodes() throws {
        let vectors = try Vector.load("signalr2")
        let metrics = makeMetrics()
        let payloads = vectors.map { Array($0.payload) }
        let seen = observe(payloads, metrics: metrics)
        #expect(seen.map(\.id) == vectors.map(\.decoded.id))
        #expect(
            metrics.sample(#"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#)
                == Double(vectors.count))
        #expect(
            metrics.sample(#"signalr_backplane_envelope_bytes_total{channel="chat",backplane="signalr2"}"#)
                == Double(payloads.reduce(0) { $0 + $1.count }))
        var expected: [String: Int] = [:]
        for message in vectors.flatMap({ $0.decoded.messages ?? [] }) { expected[kind(message), default: 0] += 1 }
        #expect(expected.count >= 4)
        for kind in MessageKind.allCases {
            #expect(
                metrics.sample(
                    "signalr_backplane_messages_total{channel=\"chat\",backplane=\"signalr2\",kind=\"\(kind.label)\"}")
                    == Double(expected[kind.label] ?? 0), "\(kind.label)")
        }
        let real = try vectors.flatMap { try Envelope(decoding: Array($0.payload)).body.messages }
        let commands = try real.filter { !$0.commandID.isEmpty && !$0.isAck }.map { try Command(decoding: $0.value) }
        #expect(!commands.isEmpty)
        for type in CommandType.allCases {
            #expect(
                metrics.sample(
                    "signalr_backplane_commands_total{channel=\"chat\",backplane=\"signalr2\",command=\"\(type.label)\"}"
                )
                    == Double(commands.count { $0.type == type }), "\(type)")
        }
        var waiting: Set<String> = []
        var answered = 0
        for message in real {
            if message.isAck, waiting.remove(message.commandID) != nil { answered += 1 }
            if message.waitForAck { waiting.insert(message.commandID) }
        }
        #expect(answered > 0)
        #expect(
            metrics.sample(#"signalr_backplane_group_ack_duration_seconds_count{channel="chat",backplane="signalr2"}"#)
                == Double(answered))
        let signals = Set(real.filter { !$0.isAck }.map(\.key)).count
        let active = metrics.sample(#"signalr_backplane_active_signals{channel="chat",backplane="signalr2"}"#) ?? 0
        #expect(abs(active - Double(signals)) <= max(1, Double(signals) * 0.1))
        let calls = Dictionary(
            grouping: real.compactMap { message in
                message.value.withUnsafeBytes { HubInvocation(scanning: $0).map { [$0.hubName, $0.methodName] } }
            }, by: { $0 })
        #expect(calls.count >= 3)
        for (call, times) in calls {
            let series =
                #"signalr_backplane_hub_invocations_total{channel="chat",backplane="signalr2",hub="\#(call[0])",method="\#(call[1])"}"#
            #expect(metrics.sample(series) == Double(times.count), "\(call)")
        }
        // Ids 49..72 were published while no relay recorded; two blocks at the end are separate from the rest.
        var missing: UInt64 = 0
        var gaps = 0
        let ids = vectors.compactMap(\.decoded.id)
        for (before, after) in zip(ids, ids.dropFirst()) where after > before + 1 {
            missing += after - before - 1
            gaps += 1
        }
        #expect(gaps > 0)
        #expect(metrics.sample(#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#) == Double(gaps))
        #expect(
            metrics.sample(#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#)
                == Double(missing))
        #expect(
            metrics.sample(#"signalr_backplane_last_id{channel="chat",backplane="signalr2"}"#) == Double(ids.max() ?? 0)
        )
        #expect(
            metrics.sample(#"signalr_backplane_envelope_size_bytes_count{channel="chat",backplane="signalr2"}"#)
                == Double(vectors.count))
        for reason in EnvelopeError.Reason.allCases {
            #expect(undecodable(reason, metrics) == 0)
        }
    }

    private func undecodable(_ reason: EnvelopeError.Reason, _ metrics: RelayMetrics) -> Double? {
        metrics.sample(
            "signalr_backplane_undecodable_total{channel=\"chat\",backplane=\"signalr2\",reason=\"\(reason.label)\"}")
    }

    @Test func hugeIDsAreCountedCorrectly() throws {
        let vectors = try Vector.load("signalr2-huge-ids")
        let metrics = makeMetrics()
        let seen = observe(vectors.map { Array($0.payload) }, metrics: metrics)
        #expect(seen.map(\.id) == vectors.map(\.decoded.id))
        let broken = vectors.filter { $0.decoded.error != nil }.count
        #expect(broken > 0)
        #expect(undecodable(.idNotUInt64, metrics) == Double(broken))
    }

    static let undecodables: [(String, EnvelopeError.Reason, id: UInt64?)] = [
        ("hello", .noID, nil), ("", .noID, nil), ("1e+14 x", .idNotUInt64, nil),
        ("99999999999999999999 x", .idOverflow, nil), ("5 ", .truncated, 5),
        // A body shorter than declared is accepted, as on nodes; here it is empty.
        ("6 \u{01}\0\0\0", .truncated, 6),
    ]

    @Test(arguments: undecodables)
    func anUndecodablePayload(_ text: String, reason: EnvelopeError.Reason, id: UInt64?) {
        let metrics = makeMetrics()
        let seen = observe([Array(text.utf8)], metrics: metrics)[0]
        #expect(seen.id == id)
        #expect(seen.publishTime == nil)
        #expect((seen.sequence == nil) == (id == nil))
        for other in EnvelopeError.Reason.allCases {
            #expect(undecodable(other, metrics) == (other == reason ? 1 : 0), "\(other.label)")
        }
        #expect(metrics.sample(#"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#) == 1)
        #expect(
            metrics.sample(#"signalr_backplane_delivery_latency_seconds_count{channel="chat",backplane="signalr2"}"#)
                == 0)
    }

    @Test func odditiesAreCountedAndDecoded() throws {
        let metrics = makeMetrics()
        let plain = payload(7, ticks: 639_309_800_000_000_000)
        let seen = observe([plain, Array("+".utf8) + plain + [0], Array("0".utf8) + plain], metrics: metrics)
        #expect(seen.map(\.id) == [7, 7, 7])
        for oddity in EnvelopeOddities.allCases {
            let counted = metrics.sample(
                "signalr_backplane_odd_envelopes_total{channel=\"chat\",backplane=\"signalr2\",reason=\"\(oddity.label)\"}"
            )
            #expect(counted == (oddity == .id ? 2 : oddity == .trailingBytes ? 1 : 0), "\(oddity.label)")
        }
        for reason in EnvelopeError.Reason.allCases { #expect(undecodable(reason, metrics) == 0) }
    }

    // MARK: - Latency

    private func payload(_ id: UInt64, ticks: Int64) -> [UInt8] {
        Envelope(id: id, body: ScaleoutMessage(messages: [], createdTicks: ticks)).encoded()
    }

    private static let nowTicks = DotNetTicks(unixNanoseconds: Int64(now)).rawValue

    static let ticks: [(Int64, isKnown: Bool, latency: Double?, skewed: Double)] = [
        (nowTicks, true, 0, 0), (nowTicks - 2_500_000, true, 0.25, 0), (nowTicks + 1, true, nil, 1),
        (0, false, nil, 0), (-1, false, nil, 0), (.max, false, nil, 0),
    ]

    @Test(arguments: ticks) func latencyAndSkew(ticks: Int64, isKnown: Bool, latency: Double?, skewed: Double) {
        let metrics = makeMetrics()
        let seen = observe([payload(1, ticks: ticks)], metrics: metrics)[0]
        #expect(
            seen.publishTime
                == (isKnown ? DotNetTicks(rawValue: ticks).unixNanoseconds.map(UInt64.init) : nil))
        #expect(
            metrics.sample(#"signalr_backplane_delivery_latency_seconds_count{channel="chat",backplane="signalr2"}"#)
                == (latency == nil ? 0 : 1))
        #expect(
            metrics.sample(#"signalr_backplane_delivery_latency_seconds_sum{channel="chat",backplane="signalr2"}"#)
                == latency ?? 0)
        #expect(metrics.sample(#"signalr_backplane_clock_skew_total{channel="chat",backplane="signalr2"}"#) == skewed)
    }

    // MARK: - Sequence

    @Test func deviationsAreCounted() {
        let metrics = makeMetrics()
        let seen = observe([8, 8, 11, 3].map { payload($0, ticks: 0) }, metrics: metrics, lastID: 5)
        #expect(
            seen.map(\.sequence) == [
                .one(.gap(from: 6, to: 7)), .one(.duplicate), .one(.gap(from: 9, to: 10)),
                .one(.counterReset(from: 11, to: 3)),
            ])
        #expect(metrics.sample(#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#) == 2)
        #expect(metrics.sample(#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#) == 4)
        #expect(metrics.sample(#"signalr_backplane_duplicate_ids_total{channel="chat",backplane="signalr2"}"#) == 1)
        #expect(metrics.sample(#"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#) == 1)
        // The name of 0.1.0, kept for one more version.
        #expect(metrics.sample(#"signalr_backplane_id_resets_total{channel="chat",backplane="signalr2"}"#) == 1)
        #expect(metrics.sample(#"signalr_backplane_last_id{channel="chat",backplane="signalr2"}"#) == 3)
    }

    /// Publishers control ids: 0 and the largest must not stop the relay.
    @Test func hostileIDs() {
        let metrics = makeMetrics()
        _ = observe([0, .max, 0, .max, 5].map { payload($0, ticks: 0) }, metrics: metrics)
        #expect(metrics.sample(#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#) == 2)
    }

    @Test func nothingIsCountedTwice() {
        let metrics = makeMetrics()
        var observer = metrics.observer()
        for id in 1...3 as ClosedRange<UInt64> {
            _ = payload(id, ticks: Self.nowTicks + 10).withUnsafeBytes { observer.observe($0, receivedAt: Self.now) }
            _ = Array("x".utf8).withUnsafeBytes { observer.observe($0, receivedAt: Self.now) }
            observer.publish()
            observer.publish()
        }
        #expect(metrics.sample(#"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#) == 6)
        #expect(metrics.sample(#"signalr_backplane_clock_skew_total{channel="chat",backplane="signalr2"}"#) == 3)
        #expect(undecodable(.noID, metrics) == 3)
        #expect(
            metrics.sample(#"signalr_backplane_envelope_size_bytes_count{channel="chat",backplane="signalr2"}"#) == 6)
    }
}

@Suite struct LargestEnvelopeTests {
    @Test func reportsTheLargestOfTheLastQuarterOfAnHour() {
        var largest = LargestEnvelope()
        #expect(largest.value == nil)
        largest.advance(to: 1_000)
        largest.observe(500)
        largest.observe(90_000)
        largest.observe(700)
        #expect(largest.value == 90_000)
        largest.advance(to: 1_300)
        largest.observe(800)
        #expect(largest.value == 90_000)
        largest.advance(to: 1_000 + 14 * 60)
        #expect(largest.value == 90_000)
        largest.advance(to: 1_000 + 16 * 60)
        #expect(largest.value == 800)
        largest.advance(to: 100_000)
        #expect(largest.value == nil)
        // A clock that jumps ahead discards at most what is kept.
        largest.observe(1)
        largest.advance(to: .max)
        #expect(largest.value == nil)
    }
}
