import TestSupport
import Testing

@testable import Capture

@Suite struct EnvelopeAlignerTests {
    private static let horizon: UInt64 = 5_000

    /// `id@time` per envelope; payloads are different by default.
    private struct Step {
        var input: Int
        var id: UInt64?
        var time: UInt64
        /// By the publisher's clock.
        var created: UInt64?
        var payload: String
    }

    private func step(_ input: Int, _ id: UInt64?, at time: UInt64, _ payload: String? = nil, created: UInt64? = nil)
        -> Step
    {
        Step(input: input, id: id, time: time, created: created, payload: payload ?? "p\(id.map { "\($0)" } ?? "-")")
    }

    private func align(_ steps: [Step], inputs: Int = 2) throws -> [EnvelopeAligner.Aligned] {
        var aligner = EnvelopeAligner(inputs: inputs, horizon: Self.horizon)
        var released: [EnvelopeAligner.Aligned] = []
        let order = steps.indices.sorted { (steps[$0].time, $0) < (steps[$1].time, $1) }
        for step in order.map({ steps[$0] }) {
            released += aligner.release(before: step.time > Self.horizon ? step.time - Self.horizon : 0)
            try aligner.add(
                id: step.id, receivedAt: step.time, createdAt: step.created, payload: Array(step.payload.utf8),
                from: step.input)
        }
        return released + aligner.finish()
    }

    private func texts(_ aligned: [EnvelopeAligner.Aligned]) -> [String] {
        aligned.map { "\($0.id.map { "\($0)" } ?? "-"):\($0.inputs)" }
    }

    @Test func equalEnvelopesAreMergedWithTheEarliestTime() throws {
        let aligned = try align([step(0, 1, at: 100), step(1, 1, at: 90), step(0, 2, at: 200), step(1, 2, at: 1_200)])
        #expect(texts(aligned) == ["1:3", "2:3"])
        #expect(aligned.map(\.receivedAt) == [90, 200])
    }

    @Test func gapsAreFilledAndCommonGapsAreReported() throws {
        let aligned = try align([
            step(0, 1, at: 10), step(0, 4, at: 40), step(1, 2, at: 25), step(1, 7, at: 70), step(0, 8, at: 80),
        ])
        #expect(texts(aligned) == ["1:1", "2:2", "4:1", "7:2", "8:1"])
        #expect(aligned.map(\.missing) == [nil, nil, 3...3, 5...6, nil])
    }

    @Test func aCounterResetStartsAnEpoch() throws {
        let aligned = try align([
            step(0, 900, at: 100), step(1, 900, at: 110), step(0, 901, at: 120), step(0, 1, at: 200, "a"),
            step(1, 1, at: 210, "a"), step(1, 2, at: 220), step(0, 901, at: 9_000, "again"),
            step(1, 901, at: 9_010, "again"),
        ])
        #expect(texts(aligned) == ["900:3", "901:1", "1:3", "2:2", "901:3"])
        #expect(aligned.map(\.resetFrom) == [nil, nil, 901, nil, nil])
        #expect(aligned.map(\.missing) == [nil, nil, nil, nil, 3...900])
    }

    @Test func anInputThatMissedTheResetFindsItsEpoch() throws {
        let aligned = try align([
            step(0, 10, at: 100), step(1, 10, at: 100), step(1, 1, at: 20_000), step(1, 11, at: 30_000, "new"),
            step(0, 11, at: 30_001, "new"), step(0, 12, at: 30_002),
        ])
        #expect(texts(aligned) == ["10:3", "1:2", "11:3", "12:1"])
    }

    @Test func differentBytesWithTheSameIDAreAConflict() throws {
        let aligned = try align([step(0, 5, at: 10, "a"), step(1, 5, at: 20, "b"), step(0, 6, at: 30)])
        #expect(texts(aligned) == ["5:1", "5:2", "6:1"])
        #expect(aligned.map(\.isConflict) == [true, true, false])
    }

    @Test func envelopesWithoutAnIDAreComparedByBytes() throws {
        let aligned = try align([
            step(0, nil, at: 10, "x"), step(1, nil, at: 400, "x"), step(0, nil, at: 500, "x"),
            step(1, nil, at: 9_000, "x"),
        ])
        #expect(texts(aligned) == ["-:3", "-:1", "-:2"])
    }

    @Test func clocksThatDifferByMoreThanTheHorizonAreReported() {
        #expect(throws: EnvelopeAligner.TooLate.self) {
            try align([
                step(0, 1, at: 10), step(1, 1, at: 20), step(0, 2, at: 8_000), step(0, 9, at: 20_000),
                step(1, 2, at: 20_001),
            ])
        }
    }

    @Test func aClockAnHourBehindIsReportedAndNotAReset() throws {
        let (first, hour): ([Step], UInt64) = ((1...50).map { step(0, $0, at: $0 * 100, created: $0 * 100) }, 3_600_000)
        #expect(throws: EnvelopeAligner.TooLate.self) {
            try align(first + (1...50).map { step(1, $0, at: hour + $0 * 100, created: $0 * 100) })
        }
        // Envelopes created later with lower ids belong to another epoch.
        let later = (1...50).map { step(1, $0, at: hour + $0 * 100, created: hour + $0 * 100) }
        #expect(try align(first + later).count { $0.resetFrom != nil } == 1)
    }

    /// The second input sees the new epoch first at an id above its last id of the old epoch.
    @Test func aResetThatTheIDsOfOneInputDoNotShow() throws {
        let old =
            (1...9).map { step(0, $0, at: $0 * 10, created: $0 * 10) }
            + (1...5).map { step(1, $0, at: $0 * 10 + 1, created: $0 * 10) }
        let new =
            (1...30).map { step(0, $0, at: 200 + $0 * 10, "new \($0)", created: 200 + $0 * 10) }
            + (12...30).map { step(1, $0, at: 201 + $0 * 10, "new \($0)", created: 200 + $0 * 10) }
        let aligned = try align(old + new)
        #expect(aligned.count == 39)
        #expect(aligned.count { $0.resetFrom != nil } == 1)
        #expect(!aligned.contains { $0.isConflict || $0.missing != nil })
    }

    /// A true sequence, of which each input loses a different tenth, recorded with clocks that are ahead or behind; the
    /// counter is reset during traffic, and some payloads have no id.
    @Test(arguments: 0..<20) func theResultIsTheUnion(run: Int) throws {
        var random = SplitMix64.announced(for: "theResultIsTheUnion \(run)")
        let skew = UInt64.random(in: 0...2_000, using: &random)
        let late = run % 2
        var id = UInt64.random(in: 1...1_000, using: &random)
        var time: UInt64 = 10_000
        var steps: [Step] = []
        var expected: [String] = []
        var missing: [UInt64] = []
        var resets = 0
        var known: UInt64?
        var clocks: [UInt64] = [0, 0]
        var withoutID = 0
        func see(_ input: Int, _ id: UInt64?, _ payload: String) {
            // Each input is ordered by its own clock.
            let delay = UInt64.random(in: 0...5, using: &random) + (input == late ? skew : 0)
            clocks[input] = max(clocks[input], time + delay)
            steps.append(step(input, id, at: clocks[input], payload, created: time))
        }
        for number in 0..<2_000 {
            time += UInt64.random(in: 1...40, using: &random)
            if number % 700 == 699 {
                id = 0
                known = nil
                resets += 1
            }
            let holders = (0..<2).filter { _ in Int.random(in: 0..<10, using: &random) > 0 }
            if number % 97 == 50 {
                for holder in holders { see(holder, nil, "raw \(number)") }
                if !holders.isEmpty { withoutID += 1 }
                continue
            }
            id += 1
            for holder in holders { see(holder, id, "\(number)") }
            guard !holders.isEmpty else { continue }
            if let known, id > known + 1 { missing += Array((known + 1)..<id) }
            known = id
            expected.append("\(id):\(holders.reduce(0) { $0 | 1 << $1 })")
        }
        let aligned = try align(steps)
        let withID = aligned.filter { $0.id != nil }
        // Not the lists themselves, which are long.
        let difference = zip(texts(withID), expected).enumerated().first { $1.0 != $1.1 }
        #expect(difference == nil && withID.count == expected.count)
        let isSame = withID.flatMap { $0.missing.map(Array.init) ?? [] } == missing
        #expect(isSame)
        #expect(withID.count { $0.resetFrom != nil } == resets)
        #expect(!aligned.contains { $0.isConflict })
        #expect(aligned.count - withID.count == withoutID)
    }
}
