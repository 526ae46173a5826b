import NIOCore
import Testing

@testable import HubNode

/// When a hub counts as not ready, and which times are gaps.
@Suite("State of a hub's backplane")
struct CoreBackplaneStateTests {
    private enum Event {
        case subscribed
        case unsubscribed(String)
        case canPublish
        case cannotPublish(String)
    }

    /// What is the case after an event.
    private struct Step: Sendable {
        let event: Event
        /// When it occurs, in seconds.
        let at: Int64
        let outage: String?
        /// The length of the gap that it ends, in seconds.
        let gap: Int64?

        init(_ event: Event, at: Int64 = 0, outage: String?, gap: Int64? = nil) {
            self.event = event
            self.at = at
            self.outage = outage
            self.gap = gap
        }
    }

    private static let start = "not connected to Redis yet"

    private static let rows: [[Step]] = [
        // Ready with both connections, whichever comes first; the first subscription ends no gap.
        [Step(.subscribed, outage: start), Step(.canPublish, outage: nil)],
        [Step(.canPublish, outage: start), Step(.subscribed, outage: nil)],
        // Nor does it after failures to subscribe.
        [
            Step(.canPublish, outage: start), Step(.unsubscribed("refused"), at: 1, outage: "refused"),
            Step(.subscribed, at: 9, outage: nil),
        ],
        // A gap lasts from the loss, not from the last failure to subscribe again; the last reason is shown.
        [
            Step(.canPublish, outage: start), Step(.subscribed, outage: nil),
            Step(.unsubscribed("lost"), at: 10, outage: "lost"),
            Step(.unsubscribed("refused"), at: 14, outage: "refused"),
            Step(.subscribed, at: 17, outage: nil, gap: 7),
            // The next one is counted anew.
            Step(.unsubscribed("lost"), at: 20, outage: "lost"), Step(.subscribed, at: 21, outage: nil, gap: 1),
        ],
        // A new subscription without a reported loss.
        [
            Step(.canPublish, outage: start), Step(.subscribed, at: 1, outage: nil),
            Step(.subscribed, at: 5, outage: nil, gap: 0),
        ],
        // Only the publishing connection is lost: not ready, but no gap. A lost subscription is shown first.
        [
            Step(.canPublish, outage: start), Step(.subscribed, outage: nil),
            Step(.cannotPublish("no publishing"), at: 1, outage: "no publishing"),
            Step(.unsubscribed("lost"), at: 2, outage: "lost"), Step(.canPublish, at: 3, outage: "lost"),
            Step(.cannotPublish("again"), at: 4, outage: "lost"),
            Step(.subscribed, at: 5, outage: "again", gap: 3), Step(.canPublish, at: 6, outage: nil),
        ],
    ]

    @Test("after each event", arguments: rows)
    private func events(steps: [Step]) {
        var state = CoreBackplaneState()
        let before = state.outage
        #expect(before == Self.start)
        for (index, step) in steps.enumerated() {
            let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000) + .seconds(step.at)
            var gap: TimeAmount?
            switch step.event {
            case .subscribed: gap = state.subscribed(at: now)
            case .unsubscribed(let reason): state.unsubscribed(reason: reason, at: now)
            case .canPublish: state.canPublish()
            case .cannotPublish(let reason): state.cannotPublish(reason: reason)
            }
            let outage = state.outage
            #expect(outage == step.outage, "step \(index)")
            #expect(gap == step.gap.map { .seconds($0) }, "step \(index)")
        }
    }
}
