import Backplane
import Capture
import Testing

@testable import LivePage
@testable import Relay

/// The effect of events on the snapshot of a channel.
@Suite struct ChannelSnapshotTests {
    private static let second: UInt64 = 1_000_000_000
    private static let start: UInt64 = 1_795_400_000 * second

    private func board(_ events: [(second: UInt64, event: CaptureEvent)]) throws -> ChannelSnapshot {
        var board = ChannelSnapshot(name: "chat", metrics: try makeParts().observing.channels[0], samples: 10)
        for (index, event) in events.enumerated() {
            let at = Self.start + event.second * Self.second
            board.observe(LiveEvent(number: UInt64(index + 1), at: at, event: event.event))
        }
        return board
    }

    private static func reset(_ from: UInt64, _ to: UInt64) -> CaptureEvent {
        .counterReset(channel: "chat", from: from, to: to)
    }

    private static let highestIDs: [(resets: [CaptureEvent], highest: UInt64)] = [
        ([reset(100, 1)], 100),
        // Set back again before it reached the previous maximum, and beyond it.
        ([reset(100, 1), reset(20, 1)], 100), ([reset(100, 1), reset(250, 7)], 250),
        ([reset(100, 1), reset(250, 7), reset(30, 2)], 250), ([reset(.max, 0), reset(5, 1)], .max),
        ([reset(0, 0)], 0),
    ]

    /// The highest id ever shows when a reset counter has reached its previous value.
    @Test(arguments: highestIDs)
    func highestID(resets: [CaptureEvent], highest: UInt64) throws {
        let reset = try #require(try board(resets.enumerated().map { (UInt64($0.offset), $0.element) }).reset)
        #expect(reset.highest == highest)
        #expect(reset.from == resets.last?.from && reset.to == resets.last?.to)
        #expect(reset.at == Self.start + UInt64(resets.count - 1) * Self.second)
    }

    /// Several counters were detected too late: earlier reports are removed.
    @Test func interleavingWithdrawsEarlierReports() throws {
        let turns = CaptureEvent.interleaved(
            channel: "chat", counters: 2, databases: nil,
            withdraws: [SequenceTracker.Observation.counterReset(from: 10, to: 2), .gap(from: 11, to: 99)]
                .compactMap { CaptureEvent.Withdrawn($0) })
        let told: [(UInt64, CaptureEvent)] = [
            (0, .gap(channel: "chat", from: 11, to: 99, cause: .foreignPublish)),
            (1, .counterReset(channel: "chat", from: 10, to: 2)),
        ]
        let before = try board(told)
        #expect(before.reset != nil && before.gap != nil)
        let after = try board(told + [(9, turns)])
        #expect(after.reset == nil && after.gap == nil && after.interleaving?.counters == 2)
    }

    @Test func otherEventsAreNotAReset() throws {
        let board = try board([
            (0, .gap(channel: "chat", from: 5, to: 9, cause: .foreignPublish)),
            (1, .duplicate(channel: "chat", id: 900)),
            (2, .disconnected(cause: "io_error")), (3, .subscribed(runID: nil, redisVersion: nil)),
        ])
        #expect(board.reset == nil)
    }

    /// Consecutive gaps are one news item; ids missing since an earlier run, or invalid ranges, are none.
    @Test func gaps() throws {
        let news = ChannelState.newsSpan / Self.second
        #expect(try board([(0, .gap(channel: "chat", from: 2, to: 9, cause: .notRecording))]).gap == nil)
        #expect(try board([(0, .gap(channel: "chat", from: 9, to: 2, cause: .dropped))]).gap == nil)
        let together = try board([
            (0, .gap(channel: "chat", from: 2, to: 3, cause: .connectionLost)),
            (news - 1, .gap(channel: "chat", from: 8, to: 8, cause: .dropped)),
        ]).gap
        #expect(
            together
                == ChannelState.Gap(
                    firstAt: Self.start, lastAt: Self.start + (news - 1) * Self.second, missing: 3, cause: "dropped"))
        let apart = try board([
            (0, .gap(channel: "chat", from: 2, to: 3, cause: .connectionLost)),
            (news, .gap(channel: "chat", from: 8, to: 8, cause: .dropped)),
        ]).gap
        let at = Self.start + news * Self.second
        #expect(apart == ChannelState.Gap(firstAt: at, lastAt: at, missing: 1, cause: "dropped"))
        let endless = try board([
            (0, .gap(channel: "chat", from: 0, to: .max - 1, cause: .foreignPublish)),
            (1, .gap(channel: "chat", from: 0, to: .max - 1, cause: .foreignPublish)),
        ]).gap
        #expect(endless?.missing == .max)
    }
}
