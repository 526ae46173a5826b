import Testing

@testable import Check
@testable import Loopback

struct CounterTrackTests {
    @Test(
        arguments: [
            ([], []), ([nil, nil, 1], []), ([1, 2, 2, 3], []), ([812, 3, 4], [[812, 3]]),
            ([812, nil, nil], [[812, 0]]),
            ([812, nil, 1, 2, 1], [[812, 0], [2, 1]]), ([.max, 0], [[.max, 0]]),
        ] as [([UInt64?], [[UInt64]])])
    func everyStepBackIsSeenOnce(_ values: [UInt64?], _ resets: [[UInt64]]) {
        var track = CounterTrack()
        for value in values { track.observe(value) }
        #expect(track.resets.map { [$0.from, $0.to] } == resets)
        #expect(track.count == resets.count)
    }

    @Test func aFewAreKeptAndAllAreCounted() {
        var track = CounterTrack()
        for round in 0..<100 {
            track.observe(UInt64(1_000 + round))
            track.observe(1)
        }
        #expect(track.resets.count == 10)
        #expect(track.count == 199 - 99)
    }

    @Test(arguments: [
        ([], nil),
        (
            [CounterReset(from: 812, to: 3)],
            "the counter of 'check' was set back from 812 to 3 during this check"
        ),
        (
            [CounterReset(from: 812, to: 0)],
            "the counter of 'check' was set back from 812 to 0 (its key is gone) during this check"
        ),
        (
            [CounterReset(from: 9, to: 1), CounterReset(from: 4, to: 2)],
            "the counter of 'check' was set back from 9 to 1, and again later (2 times in all) during this check"
        ),
    ])
    func inWords(_ resets: [CounterReset], _ text: String?) {
        #expect(CounterRecord.text(of: resets, channel: "check") == text)
    }
}
