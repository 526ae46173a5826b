import Backplane
import TestSupport
import Testing

/// Payloads that were cut, flipped or made up: always a typed error or a whole payload, never a crash or a read beyond
/// the end.
@Suite struct CoreDamageTests {
    private static func vectors() throws -> [(name: String, kind: CoreKind, payload: [UInt8])] {
        try CoreVector.all().map { ($0.name, try $0.channelName().kind, $0.payload) }
    }

    /// Every part is required: a shortened payload is never valid.
    @Test func aPayloadCutAtAnyByteIsAnError() async throws {
        for vector in try Self.vectors() {
            await Task.yield()
            for cut in vector.payload.indices {
                guard case .failure(let error) = coreWalk(Array(vector.payload[..<cut]), vector.kind) else {
                    Issue.record("\(vector.name) cut at \(cut) decodes")
                    continue
                }
                if !(0...cut).contains(error.offset) { Issue.record("\(vector.name) cut at \(cut): \(error)") }
            }
        }
    }

    /// With the enclosing lengths corrected, every frame must detect the cut by itself.
    @Test func aFrameCutAtAnyByteIsAnErrorEvenIfItsLengthFits() async throws {
        for vector in try Self.vectors() {
            await Task.yield()
            guard case .invocation(let invocation) = try CorePayload(decoding: vector.payload, as: vector.kind) else {
                continue
            }
            for frame in invocation.frames {
                for cut in 1..<frame.bytes.count {
                    var damaged = invocation
                    damaged.frames = [.init(protocolName: frame.protocolName, bytes: Array(frame.bytes[..<cut]))]
                    let payload = damaged.encoded()
                    guard case .failure(let error) = coreWalk(payload, vector.kind) else {
                        Issue.record("\(vector.name), \(frame.protocolName) cut at \(cut) decodes")
                        continue
                    }
                    let isWithin = (payload.count - cut...payload.count).contains(error.offset)
                    if invocation.reply == nil, !isWithin { Issue.record("\(vector.name) cut at \(cut): \(error)") }
                }
            }
        }
    }

    @Test func anyFlippedBitIsHandled() async throws {
        let notable = try Self.vectors().filter { vector in
            [" 1", " 4", " 6", " 7", " 8", " 27", " 30", " 32", " 34", " 44"].contains { vector.name.hasSuffix($0) }
                && !vector.name.contains("noprefix")
        }
        #expect(notable.count == 20)
        for vector in notable {
            for offset in vector.payload.indices {
                await Task.yield()
                for bit in 0..<8 {
                    var payload = vector.payload
                    payload[offset] ^= 1 << UInt8(bit)
                    expectSense(payload, vector.kind, "\(vector.name), bit \(bit) of byte \(offset)")
                }
            }
        }
    }

    @Test func anyChangedBytesAreHandled() async throws {
        var random = SplitMix64.announced()
        let vectors = try Self.vectors()
        for round in 0..<3_000 {
            if round % 50 == 0 { await Task.yield() }
            guard let vector = vectors.randomElement(using: &random) else { return }
            var payload = vector.payload
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                payload[Int.random(in: payload.indices, using: &random)] = random.bytes(1)[0]
            }
            if Bool.random(using: &random) { payload.removeLast(Int.random(in: 0..<payload.count, using: &random)) }
            expectSense(payload, vector.kind, "round \(round)")
        }
    }

    @Test func randomBytesAreAWholePayloadOrAnError() async {
        var random = SplitMix64.announced()
        // Bytes that start a container, more frequent than by chance.
        let heads: [UInt8] = [
            0x91, 0x92, 0x93, 0x94, 0x95, 0x80, 0x81, 0x82, 0x90, 0xA0, 0xA4, 0xC0, 0xC4, 0xD9, 0x01, 0x00,
        ]
        for round in 0..<3_000 {
            if round % 50 == 0 { await Task.yield() }
            var payload = random.bytes(Int.random(in: 0...60, using: &random))
            for index in payload.indices where Int.random(in: 0..<4, using: &random) > 0 {
                payload[index] = heads.randomElement(using: &random) ?? 0
            }
            for kind in CoreKind.allCases { expectSense(payload, kind, "round \(round)") }
            for format in CoreFormat.allCases { _ = convert(payload, format, allowUntyped: true) }
        }
    }

    /// An error within the payload, or a payload that encodes to the same bytes unless it has an oddity.
    private func expectSense(_ payload: [UInt8], _ kind: CoreKind, _ what: @autoclosure () -> String) {
        let walked = payload.withUnsafeBytes { bytes in
            Result { () throws(CoreError) in try CorePayloadView(kind, bytes).oddities }
        }
        switch walked {
        case .failure(let error):
            if !(0...payload.count).contains(error.offset) {
                Issue.record("\(error) is outside the payload, \(what())")
            }
        case .success(let oddities):
            guard let decoded = try? CorePayload(decoding: payload, as: kind) else {
                Issue.record("the walk accepts a payload that does not decode, \(what())")
                return
            }
            // Two frames of one protocol are kept unchanged.
            let isEqual = decoded.encoded() == payload
            if isEqual != oddities.subtracting(.duplicateProtocol).isEmpty {
                Issue.record("oddities \(oddities.labels), equal: \(isEqual), \(what())")
            }
        }
        if case .failure(let error) = coreWalk(payload, kind), !(0...payload.count).contains(error.offset) {
            Issue.record("\(error) is outside the payload, \(what())")
        }
    }
}
