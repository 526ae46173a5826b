import Backplane
import TestSupport
import Testing

/// Payloads that were cut, flipped or made up: always a typed error or a whole envelope, never a crash. The walk, the
/// copying decoder and the reference decoder agree.
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

    /// The outer length alone reveals a cut; with the length corrected, every field must detect it by itself.
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

    /// Only one vector is large; its middle is one long text, so only its ends are tested.
    private func cuts(_ count: Int) -> [Int] {
        count < 2_000 ? Array(0..<count) : Array(0..<1_000) + Array(count - 1_000..<count)
    }

    @Test func anyFlippedBitIsHandled() async throws {
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

    @Test func anyChangedByteIsHandled() async throws {
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

    @Test func randomBytesAreAWholeEnvelopeOrAnError() async throws {
        var random = SplitMix64.announced()
        for round in 0..<20_000 {
            await Task.yield()
            var body = random.bytes(Int.random(in: 0...80, using: &random))
            // Mostly zeros: lengths and counts small enough to get past the first field.
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
            if envelope != reference { Issue.record("decoded a payload that the reference rejects, \(what())") }
        case .failure(let error):
            if reference != nil { Issue.record("\(error), but the reference decodes it, \(what())") }
            if !(0...payload.count).contains(error.offset) {
                Issue.record("\(error) is outside the payload, \(what())")
            }
        }
    }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// A second decoder of payloads, written from the format's description alone: slow, simple, without code shared with
/// the real one, so that a mistake would have to be made twice to go unnoticed. It accepts what .NET's `ulong.Parse`
/// and `BinaryReader` accept.
enum ReferenceDecoder {
    /// - Returns: nil if a real node would throw.
    static func decode(_ payload: [UInt8]) -> Envelope? {
        guard let space = payload.firstIndex(of: 0x20), let id = id(payload[..<space]) else { return nil }

        var rest = payload[(space + 1)...]
        guard let length = integer(4, &rest), length >= 0 else { return nil }
        rest = rest.prefix(length)
        guard let count = integer(4, &rest) else { return nil }
        var messages: [Message] = []
        // A message has at least ten bytes, so this ends early for any count.
        while messages.count < count {
            guard let message = message(&rest) else { return nil }
            messages.append(message)
        }
        guard let ticks = integer(8, &rest), (0...3_155_378_975_999_999_999).contains(ticks) else { return nil }
        return Envelope(id: id, body: ScaleoutMessage(messages: messages, createdTicks: Int64(ticks)))
    }

    private static func id(_ text: ArraySlice<UInt8>) -> UInt64? {
        let white: Set<UInt8> = [9, 10, 11, 12, 13]
        var rest = text.drop { white.contains($0) }
        let isNegative = rest.first == 0x2D
        if isNegative || rest.first == 0x2B { rest = rest.dropFirst() }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count).drop { white.contains($0) }
        guard rest.allSatisfy({ $0 == 0 }), let id = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        return isNegative && id > 0 ? nil : id
    }

    private static func message(_ rest: inout ArraySlice<UInt8>) -> Message? {
        guard let source = string(&rest), let key = string(&rest),
            let length = integer(4, &rest), length >= 0, let value = take(length, &rest),
            let commandID = string(&rest), let waitForAck = take(1, &rest),
            let isAck = take(1, &rest), let filter = string(&rest)
        else { return nil }
        return Message(
            source: source, key: key, value: value, commandID: commandID, waitForAck: waitForAck != [0],
            isAck: isAck != [0], filter: filter)
    }

    private static func string(_ rest: inout ArraySlice<UInt8>) -> String? {
        var length = 0
        for place in 0..<5 {
            guard let byte = take(1, &rest)?[0] else { return nil }
            length += Int(byte % 128) << (7 * place)
            if byte < 128 {
                // 32 bits; the highest is the sign.
                length %= 1 << 32
                guard length < 1 << 31 else { return nil }
                return take(length, &rest).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        return nil
    }

    /// Little-endian, signed.
    private static func integer(_ size: Int, _ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let bytes = take(size, &rest) else { return nil }
        let unsigned = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return size == 4 ? Int(Int32(truncatingIfNeeded: unsigned)) : Int(Int64(bitPattern: unsigned))
    }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
