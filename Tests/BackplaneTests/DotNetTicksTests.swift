import Backplane
import Testing

@Suite struct DotNetTicksTests {
    static let times: [(ticks: Int64, unixNanoseconds: Int64?)] = [
        (621_355_968_000_000_000, 0),
        (621_355_968_000_000_001, 100),
        (621_355_967_999_999_999, -100),
        // 2026-11-23T12:56:51.9552000Z, the second of a real envelope.
        (639_309_840_609_843_520, 1_795_387_260_984_352_000),
        // The last and first times within the range of 64 bits of nanoseconds, and their neighbours.
        (713_589_688_368_547_758, 9_223_372_036_854_775_800),
        (713_589_688_368_547_759, nil),
        (529_122_247_631_452_242, -9_223_372_036_854_775_800),
        (529_122_247_631_452_241, nil),
        (0, nil),
        (-1, nil),
        (3_155_378_975_999_999_999, nil),
        (3_155_378_976_000_000_000, nil),
        (.max, nil),
        (.min, nil),
    ]

    @Test(arguments: times)
    func ticksAreNanosecondsSince1970OrNothing(ticks: Int64, unixNanoseconds: Int64?) {
        #expect(DotNetTicks(rawValue: ticks).unixNanoseconds == unixNanoseconds)
        if let unixNanoseconds {
            #expect(DotNetTicks(unixNanoseconds: unixNanoseconds).rawValue == ticks)
        }
    }

    @Test(arguments: [(99, 0), (100, 100), (199, 100), (0, 0), (-1, -100), (-100, -100), (-101, -200)])
    func aTimeBelongsToTheTickThatHasBegun(nanoseconds: Int64, tick: Int64) {
        #expect(DotNetTicks(unixNanoseconds: nanoseconds).unixNanoseconds == tick)
    }

    @Test func everyTimeOfARealNodeIsJustBeforeItWasReceived() throws {
        for vector in try Vector.envelopes() {
            let created = try #require(DotNetTicks(rawValue: vector.envelope.body.createdTicks).unixNanoseconds)
            // 2026-11-23, the day of the recording.
            #expect((1_795_305_600_000_000_000..<1_795_392_000_000_000_000).contains(created))
        }
    }
}
