import TestSupport
import Testing

@testable import Capture

@Suite struct EnvelopeAlignerTests {
    private static let horizon: UInt64 = 5_000

    /// `id@time` for each envelope; payloads tell them apart by default.
    private struct Step {
        var input: Int
        var id: UInt64?
        var time: UInt64
        var payload: String
    }

    private func step(_ input: Int, _ id: UInt64?, at time: UInt64, _ payload: String? = nil) -> Step {
        Step(input: input, id: id, time: time, payload: payload ?? "p\(id.map { "\($0)" } ?? "-")")
    }

    private func align(_ steps: [Step], inputs: Int = 2) throws -> [EnvelopeAligner.Aligned] {
        var aligner = EnvelopeAligner(inputs: inputs, horizon: Self.horizon)
        var released: [EnvelopeAligner.Aligned] = []
        let order = steps.indices.sorted { (steps[$0].time, $0) < (steps[$1].time, $1) }
        for step in order.map({ steps[$0] }) {
            try aligner.add(id: step.id, receivedAt: step.time, payload: Array(step.payload.utf8), from: step.input)
            released += aligner.release(before: step.time > Self.horizon ? step.time - Self.horizon : 0)
        }
        return released + aligner.finish()
    }

    private func texts(_ aligned: [EnvelopeAligner.Aligned]) -> [String] {
        aligned.map { "\($0.id.map { "\($0)" } ?? "-"):\($0.inputs)" }
    }

    @Test func theSameEnvelopeIsThereOnceWithItsEarliestTime() throws {
        let aligned = try align([step(0, 1, at: 100), step(1, 1, at: 90), step(0, 2, at: 200), step(1, 2, at: 1_200)])
        #expect(texts(aligned) == ["1:3", "2:3"])
        #expect(aligned.map(\.receivedAt) == [90, 200])
    }

    @Test func holesAreFilledAndWhatAllLackIsNamed() throws {
        let aligned = try align([
            step(0, 1, at: 10), step(0, 4, at: 40), step(1, 2, at: 25), step(1, 7, at: 70), step(0, 8, at: 80),
        ])
        #expect(texts(aligned) == ["1:1", "2:2", "4:1", "7:2", "8:1"])
        #expect(aligned.map(\.missing) == [nil, nil, 3...3, 5...6, nil])
    }

    @Test func aCounterThatWasSetBackBeginsAnEpoch() throws {
        let aligned = try align([
            step(0, 900, at: 100), step(1, 900, at: 110), step(0, 901, at: 120), step(0, 1, at: 200, "a"),
            step(1, 1, at: 210, "a"), step(1, 2, at: 220), step(0, 901, at: 9_000, "again"),
            step(1, 901, at: 9_010, "again"),
        ])
        #expect(texts(aligned) == ["900:3", "901:1", "1:3", "2:2", "901:3"])
        #expect(aligned.map(\.resetFrom) == [nil, nil, 901, nil, nil])
        #expect(aligned.map(\.missing) == [nil, nil, nil, nil, 3...900])
    }

    @Test func anInputThatSleptThroughTheResetFindsItsEpoch() throws {
        let aligned = try align([
            step(0, 10, at: 100), step(1, 10, at: 100), step(1, 1, at: 20_000), step(1, 11, at: 30_000, "new"),
            step(0, 11, at: 30_001, "new"), step(0, 12, at: 30_002),
        ])
        #expect(texts(aligned) == ["10:3", "1:2", "11:3", "12:1"])
    }

    @Test func otherBytesUnderOneIDAreAConflict() throws {
        let aligned = try align([step(0, 5, at: 10, "a"), step(1, 5, at: 20, "b"), step(0, 6, at: 30)])
        #expect(texts(aligned) == ["5:1", "5:2", "6:1"])
        #expect(aligned.map(\.isConflict) == [true, true, false])
    }

    @Test func withoutAnIDTheBytesDecide() throws {
        let aligned = try align([
            step(0, nil, at: 10, "x"), step(1, nil, at: 400, "x"), step(0, nil, at: 500, "x"),
            step(1, nil, at: 9_000, "x"),
        ])
        #expect(texts(aligned) == ["-:3", "-:1", "-:2"])
    }

    @Test func clocksThatDifferByMoreThanTheHorizonAreTold() {
        #expect(throws: EnvelopeAligner.TooLate.self) {
            try align([
                step(0, 1, at: 10), step(1, 1, at: 20), step(0, 2, at: 8_000), step(0, 9, at: 20_000),
                step(1, 2, at: 20_001),
            ])
        }
    }

    /// A true sequence, of which each input loses another tenth, seen by clocks that differ.
    @Test(arguments: 0..<20) func theUnionAndNothingElse(run: Int) throws {
        var random = SplitMix64.announced(for: "theUnionAndNothingElse \(run)")
        let skew = UInt64.random(in: 0...2_000, using: &random)
        var id = UInt64.random(in: 1...1_000, using: &random)
        var time: UInt64 = 10_000
        var steps: [Step] = []
        var expected: [String] = []
        var missing: [UInt64] = []
        var known: UInt64?
        var lastOfSecond: UInt64 = 0
        for number in 0..<2_000 {
            time += UInt64.random(in: 1...40, using: &random)
            if number % 700 == 699 {
                // Both see the end of the epoch and the start of the next one.
                time += 2 * Self.horizon
                id = 0
                known = nil
            }
            id += 1
            let isEdge = number % 700 > 690 || number % 700 < 5 || number % 700 == 699
            let holders =
                (isEdge ? 3 : 0) | (Int.random(in: 0..<10, using: &random) > 0 ? 1 : 0)
                | (Int.random(in: 0..<10, using: &random) > 0 ? 2 : 0)
            let delay = UInt64.random(in: 0...5, using: &random)
            if holders & 1 != 0 { steps.append(step(0, id, at: time, "\(number)")) }
            if holders & 2 != 0 {
                // Each input is in the order of its own clock.
                lastOfSecond = max(lastOfSecond, time + skew + delay)
                steps.append(step(1, id, at: lastOfSecond, "\(number)"))
            }
            guard holders != 0 else { continue }
            if let known, id > known + 1 { missing += Array((known + 1)..<id) }
            known = id
            expected.append("\(id):\(holders)")
        }
        let aligned = try align(steps)
        // Not the lists themselves: they are long.
        let difference = zip(texts(aligned), expected).enumerated().first { $1.0 != $1.1 }
        #expect(difference == nil && aligned.count == expected.count)
        let isSame = aligned.flatMap { $0.missing.map(Array.init) ?? [] } == missing
        #expect(isSame)
        #expect(aligned.count { $0.resetFrom != nil } == 2)
        #expect(!aligned.contains { $0.isConflict })
    }
}
