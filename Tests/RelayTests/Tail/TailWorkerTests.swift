import Backplane
import Capture
import Redis
import Testing

@testable import Relay

@Suite struct TailWorkerTests {
    /// The output, as words: `7` for an envelope, otherwise the event.
    private final class Output: TailOutput {
        private(set) var seen: [String] = []
        private(set) var flushes = 0
        /// Fails at this envelope.
        var failure: Int?
        private var envelopes = 0

        struct Failed: Error {}

        func envelope(_ envelope: CapturedEnvelope) throws {
            envelopes += 1
            if envelopes == failure { throw Failed() }
            let id = (try? EnvelopeID.parse(envelope.payload).id).map(String.init) ?? "-"
            seen.append(envelope.channel == "chat" ? id : "\(envelope.channel) \(id)")
        }

        func event(_ event: CaptureEvent, at time: UInt64) {
            let ids = event.from.map { " \($0)..\(event.to ?? 0)" } ?? ""
            let cause = event.cause.map { " \($0)" } ?? ""
            seen.append(event.event + ids + cause)
        }

        func flush() { flushes += 1 }
    }

    private static func batch(_ ids: UInt64..., channel: Int = 0, hub: String = "chatHub") -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        batch.receivedAt = 5
        for id in ids {
            let value = #"{"H":"\#(hub)","M":"send","A":[]}"#
            let message = Message(source: "c", key: "h-\(hub)", value: Array(value.utf8))
            Envelope(id: id, body: ScaleoutMessage(messages: [message], createdTicks: 0)).encoded()
                .withUnsafeBytes { batch.append(channel: channel, payload: $0) }
        }
        return batch
    }

    private static func subscription(runID: String = "a") -> Subscription {
        Subscription(server: nil, endpoint: "127.0.0.1:1")
    }

    /// Fills an intake, closes it, and lets a worker empty it.
    private func tail(
        _ output: Output = Output(), selection: CaptureSelection = .all, limit: Int? = nil, buffer: Int = 1 << 20,
        _ fill: (Intake) -> Void
    ) -> (seen: [String], report: TailReport, failed: Bool) {
        let intake = Intake(limit: buffer, metrics: makeMetrics().intake)
        fill(intake)
        intake.close()
        let (report, failure) = TailWorker(
            AttachedChannels([.signalR2(key: "chat"), .signalR2(key: "game")]), selection: selection, limit: limit,
            output: output
        ).run(from: intake)
        return (output.seen, report, failure != nil)
    }

    @Test func envelopesAndEventsArriveInOrder() {
        let (seen, report, failed) = tail { intake in
            intake.subscribed(Self.subscription())
            intake.deliver(Self.batch(5, 6))
            intake.deliver(Self.batch(1, channel: 1))
            intake.deliver(Self.batch(6, 9))
            intake.disconnected(.closedByServer)
            intake.subscribed(Self.subscription())
            intake.deliver(Self.batch(12))
            intake.deliver(Self.batch(3))
            intake.disconnected(.stopped)
        }
        #expect(
            seen == [
                "subscribed", "5", "6", "game 1", "duplicate 6..6", "6", "gap 7..8 foreign_publish", "9",
                "disconnected closed_by_server", "subscribed", "gap 10..11 connection_lost", "12",
                "counter_reset 12..3", "3",
            ])
        #expect(report.envelopes == 7 && report.droppedEnvelopes == 0)
        #expect(!failed)
    }

    @Test func hubsComeAndGo() {
        let (seen, _, _) = tail { intake in
            intake.subscribed(Self.subscription())
            intake.command(.left(1))
            intake.command(.reattach(1))
            intake.command(.joined(1))
            intake.deliver(Self.batch(1))
        }
        #expect(seen == ["subscribed", "detached", "attached", "1"])
    }

    /// Like `run`: missed ids are reported without waiting for the next id, or reported as unknown.
    @Test func theCountersRevealWhatWasMissed() {
        func look(_ chat: UInt64) -> CounterReadings {
            CounterReadings(
                counters: [.value(chat), .unreadable(.counterNotPermitted)], isFenced: true, isLast: false)
        }
        let (seen, _, _) = tail { intake in
            intake.subscribed(Self.subscription())
            intake.deliver(Self.batch(5, 6))
            intake.counters(look(6))
            intake.disconnected(.closedByServer)
            intake.subscribed(Self.subscription())
            intake.counters(look(9))
            intake.deliver(Self.batch(10))
        }
        #expect(
            seen == [
                "subscribed", "5", "6", "disconnected closed_by_server", "subscribed", "gap 7..9 connection_lost",
                "may_be_missing connection_lost", "10",
            ])
    }

    /// Ids are tracked for all envelopes; otherwise every envelope outside the selection would be a gap.
    @Test func aSelectionLeavesNoGaps() {
        let (seen, report, _) = tail(selection: CaptureSelection(hubs: ["gameHub"])) { intake in
            intake.deliver(Self.batch(1, 2))
            intake.deliver(Self.batch(3, hub: "gameHub"))
            intake.deliver(Self.batch(4, 6))
        }
        #expect(seen == ["3", "gap 5..5 foreign_publish"])
        #expect(report.envelopes == 1)
    }

    @Test func theLimitEndsIt() {
        let (seen, report, _) = tail(limit: 2) { intake in intake.deliver(Self.batch(1, 2, 3, 9)) }
        #expect(seen == ["1", "2"])
        #expect(report.envelopes == 2 && report.droppedEnvelopes == 0)
    }

    @Test func dropsOfTheIntakeAreCountedAndExplainTheGap() {
        let large = Self.batch(1)
        large.receivedAt = 5
        [UInt8](repeating: 0, count: 900_000).withUnsafeBytes { large.append(channel: 0, payload: $0) }
        let dropped = Self.batch(2, 3)
        [UInt8](repeating: 0, count: 900_000).withUnsafeBytes { dropped.append(channel: 0, payload: $0) }
        let bytes = dropped.byteCount
        let (seen, report, failed) = tail(buffer: large.footprint + 200_000) { intake in
            intake.deliver(large)
            intake.deliver(dropped)
            intake.deliver(Self.batch(4))
        }
        #expect(seen == ["1", "-", "dropped", "gap 2..3 dropped", "4"])
        #expect(report.droppedEnvelopes == 3 && report.droppedBytes == bytes)
        #expect(!failed)
    }

    @Test func afterAFailureTheRestIsCounted() {
        let output = Output()
        output.failure = 2
        let (seen, report, failed) = tail(output) { intake in intake.deliver(Self.batch(1, 2, 3, 4)) }
        #expect(seen == ["1"])
        #expect(failed)
        #expect(report.droppedEnvelopes == 2, "the two after the envelope that failed")
    }
}
