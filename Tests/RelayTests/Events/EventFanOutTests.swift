import Capture
import Foundation
import NIOConcurrencyHelpers
import Redis
import Testing
import Time

@testable import Relay

/// The common path of all events: metrics, status, recorder, consumers, log.
@Suite struct EventFanOutTests {
    private final class Listener: RelayConsumer {
        private let heard = NIOLockedValueBox<[String]>([])
        private let status: RelayStatus
        var words: [String] { heard.withLockedValue { $0 } }

        init(_ status: RelayStatus) { self.status = status }

        func consume(_ event: RelayEvent, at now: Moment) {
            let word: String =
                switch event {
                case .batch(let batch): "batch \(batch.count)"
                // Metrics and status come first.
                case .subscribed: "subscribed, \(status.isSubscribed ? "ready" : "not ready")"
                case .writingFailed: "writing_failed"
                case .writingResumed: "writing_resumed"
                default: event.captured(["chat"])?.event ?? "-"
                }
            heard.withLockedValue { $0.append(word) }
        }

        func run() async {}
        func finish() async {}
    }

    private let metrics = makeMetrics(records: false)

    private func batch(_ ids: UInt64...) -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        for id in ids { Array("\(id) blob".utf8).withUnsafeBytes { batch.append(channel: 0, payload: $0) } }
        return batch
    }

    /// A worker without a recorder, which ends when it has processed what `fill` added.
    private func hear(_ fill: (Intake) -> Void) -> [[String]] {
        let intake = Intake(limit: 1 << 20, metrics: metrics.intake)
        fill(intake)
        intake.close()
        let listeners = [Listener(metrics.context.status), Listener(metrics.context.status)]
        var worker = RelayWorker(
            intake: intake,
            events: EventFanOut(
                channels: ObservedChannels(metrics.observing), recorder: nil,
                RelayLog(metrics.context, bufferBytes: intake.limit), listeners))
        worker.run()
        return listeners.map(\.words)
    }

    @Test func everyConsumerGetsAllEventsInOrder() {
        let subscription = Subscription(server: nil, endpoint: "127.0.0.1:1")
        let heard = hear { intake in
            intake.subscribed(subscription)
            intake.deliver(batch(1, 2, 2, 5))
            intake.command(.note(.demoted(master: nil)))
            intake.disconnected(.closedByServer)
            intake.subscribed(subscription)
            intake.skipped(
                SkippedPayload(channel: 0, bytes: 9, start: Array("9 ".utf8), receivedAt: 1, isTooLarge: true))
            intake.deliver(batch(1))
        }
        let expected = [
            "subscribed, ready", "duplicate", "batch 4", "demoted", "disconnected", "subscribed, ready", "gap",
            "dropped", "batch 1",
            // Only now it is known that no other counter explains them.
            "gap", "counter_reset",
        ]
        #expect(heard == [expected, expected])
        let labels = #"{channel="chat",backplane="signalr2"}"#
        #expect(metrics.sample("signalr_backplane_gaps_total" + labels) == 2)
        #expect(metrics.sample("signalr_backplane_missing_ids_total" + labels) == 5)
        #expect(metrics.sample("signalr_backplane_duplicate_ids_total" + labels) == 1)
        #expect(metrics.sample("signalr_backplane_envelopes_total" + labels) == 6)
        #expect(metrics.sample("backplane_relay_reconnects_total") == 1)
        #expect(metrics.sample("signalr_backplane_up" + labels) == 1)
    }

    /// Two alternating counters are reported once, however often ids alternate; each alternation is counted.
    @Test func severalCountersAreReportedOnce() {
        let heard = hear { intake in
            for step in 0..<20 as Range<UInt64> { intake.deliver(batch(100 + step, 5_000 + step)) }
        }
        #expect(heard[0].filter { $0 == "interleaved" }.count == 1)
        // The first assumption.
        #expect(heard[0].filter { $0 == "gap" || $0 == "counter_reset" } == [])
        #expect(metrics.sample(#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#) == 0)
        #expect(metrics.sample(#"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#) == 0)
        #expect(
            metrics.sample(#"signalr_backplane_interleaved_ids_total{channel="chat",backplane="signalr2"}"#) ?? 0 > 30)
    }
}
