import Backplane
import Foundation
import JSON
import Testing

/// Payloads of real nodes, decoded like the real decoder and encoded to the same bytes.
@Suite struct VectorTests {
    @Test func allRecordedVectorsArePresent() throws {
        #expect(try Vector.ordinary().count == 71)
        #expect(try Vector.hugeIDs().count == 4)
        #expect(try Vector.envelopes().count == 73)
    }

    @Test func everyVectorDecodesAsTheRealDecoderDid() throws {
        for vector in try Vector.all() {
            switch vector.decoded {
            case .envelope(let envelope):
                #expect(decode(vector.payload) == .success(envelope), "\(vector.note)")
                #expect(walk(vector.payload) == .success(envelope), "\(vector.note)")
            case .error:
                // The id is `1e+14`.
                let error = #expect(throws: EnvelopeError.self) { try Envelope(decoding: vector.payload) }
                #expect(error?.reason == .idNotUInt64)
                #expect(error?.offset == 1)
            }
        }
    }

    @Test func everyVectorEncodesToTheSameBytes() throws {
        for vector in try Vector.envelopes() {
            #expect(vector.envelope.encoded() == vector.payload, "\(vector.note)")
        }
    }

    @Test func aBlobIsThePayloadWithoutItsID() throws {
        for vector in try Vector.envelopes() {
            let blob = vector.payload[(try #require(vector.payload.firstIndex(of: 0x20)) + 1)...]
            #expect(try ScaleoutMessage(decoding: blob) == vector.envelope.body)
            #expect(vector.envelope.body.encoded() == Array(blob))
        }
    }

    @Test func aWalkReadsTheEnvelopeBeforeItsMessages() throws {
        for vector in try Vector.envelopes() {
            try vector.payload.withUnsafeBytes { bytes in
                let walk = try EnvelopeWalk(bytes)
                #expect(walk.id == vector.envelope.id)
                #expect(walk.messageCount == vector.envelope.body.messages.count)
                #expect(walk.createdTicks == vector.envelope.body.createdTicks)
                #expect(walk.blobOffset == "\(vector.envelope.id) ".utf8.count)
            }
        }
    }

    @Test func everyCommandOfARealNodeEncodesToTheSameBytes() throws {
        var seen: [CommandType: Int] = [:]
        for message in try Vector.envelopes().flatMap(\.envelope.body.messages) where message.kind == .command {
            let command = try Command(decoding: message.value)
            #expect(command.id == message.commandID)
            #expect(command.waitForAck == message.waitForAck)
            #expect(command.encoded() == message.value)
            seen[command.type, default: 0] += 1
        }
        #expect(seen == [.initializing: 7, .addToGroup: 4, .removeFromGroup: 3])
    }

    @Test func everyInvocationOfARealNodeIsFound() throws {
        var invocations = 0
        for message in try Vector.envelopes().flatMap(\.envelope.body.messages) where !message.value.isEmpty {
            let tree = try JSONSerialization.jsonObject(with: Data(message.value), options: .fragmentsAllowed)
            #expect(JSONText.isJSON(message.value))
            message.value.withUnsafeBytes { bytes in
                let invocation = HubInvocation(scanning: bytes)
                let object = tree as? [String: Any]
                #expect(invocation?.hubName == object?["H"] as? String)
                #expect(invocation?.methodName == object?["M"] as? String)
                #expect(invocation?.argumentCount == (object?["A"] as? [Any])?.count)
                invocations += invocation == nil ? 0 : 1
            }
        }
        #expect(invocations == 50)
    }
}
