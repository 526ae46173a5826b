import Backplane
import TestSupport
import Testing

/// Payloads that were cut, flipped or made up: always a typed error or a whole envelope, never a crash, and the walk, the
/// copying decoder and the reference decoder agree about which.
@Suite struct DamageTests {
    @Test func aPayloadCutAtAnyByteIsAnError() async throws {
        for vector in try Vector.envelopes() {
            for cut in cuts(vector.payload.count) {
                await Task.yield()
                guard case .failure(let error) = walk(Array(vector.payload[..<cut])) else {
                    Issue.record("a payload cut at \(cut) decoded: \(vector.note)")
                    continue
                }
                #expect((0...cut).contains(error.offset))
            }
        }
    }

    /// The outer length alone gives a cut away; with it put right, every field has to notice by itself.
    @Test func aBodyCutAtAnyByteIsAnErrorEvenIfItsLengthFits() async throws {
        for vector in try Vector.envelopes() {
            let body = Array(vector.envelope.body.encoded()[4...])
            for cut in cuts(body.count) {
                await Task.yield()
                let payload = "7 ".utf8 + littleEndian(Int32(cut)) + body[..<cut]
                guard case .failure(let error) = walk(payload) else {
                    Issue.record("a body cut at \(cut) decoded: \(vector.note)")
                    continue
                }
                #expect((0...payload.count).contains(error.offset))
            }
        }
    }

    /// Only one vector is large; its middle is one long run of text, so its ends stand for it.
    private func cuts(_ count: Int) -> [Int] {
        count < 2_000 ? Array(0..<count) : Array(0..<1_000) + Array(count - 1_000..<count)
    }

    @Test func everyBitOfAPayloadMayFlip() async throws {
        let notable = try Vector.envelopes().filter { [1, 11, 24, 27, 35, 259, 260].contains($0.envelope.id) }
        #expect(notable.count == 7)
        for vector in notable {
            for offset in vector.payload.indices {
                await Task.yield()
                for bit in 0..<8 {
                    var payload = vector.payload
                    payload[offset] ^= 1 << UInt8(bit)
                    expectAgreement(on: payload, "bit \(bit) of byte \(offset) of: \(vector.note)")
                }
            }
        }
    }

    @Test func anyByteOfAPayloadMayBecomeAnyOther() async throws {
        var random = SplitMix64.announced()
        let small = try Vector.envelopes().filter { $0.payload.count < 2_000 }
        for round in 0..<20_000 {
            await Task.yield()
            guard var payload = small.randomElement(using: &random)?.payload else { return }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                payload[Int.random(in: payload.indices, using: &random)] = random.bytes(1)[0]
            }
            expectAgreement(on: payload, "round \(round)")
        }
    }

    @Test func randomBytesAreNoEnvelopeOrAWholeOne() async throws {
        var random = SplitMix64.announced()
        for round in 0..<20_000 {
            await Task.yield()
            var body = random.bytes(Int.random(in: 0...80, using: &random))
            // Mostly zeros: lengths and counts that are small enough to get past the first field.
            for index in body.indices where Int.random(in: 0..<4, using: &random) > 0 { body[index] = 0 }
            expectAgreement(on: body, "round \(round), raw")
            expectAgreement(on: "\(round) ".utf8 + littleEndian(Int32(body.count)) + body, "round \(round), framed")
        }
    }

    private func expectAgreement(on payload: [UInt8], _ what: @autoclosure () -> String) {
        let copied = decode(payload)
        let walked = walk(payload)
        let reference = ReferenceDecoder.decode(payload)
        if copied != walked { Issue.record("decoder: \(copied), walk: \(walked), \(what())") }
        switch copied {
        case .success(let envelope):
            if envelope != reference { Issue.record("decoded what the reference does not, \(what())") }
        case .failure(let error):
            if reference != nil { Issue.record("\(error), but the reference decodes it, \(what())") }
            if !(0...payload.count).contains(error.offset) { Issue.record("\(error) lies outside, \(what())") }
        }
    }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
