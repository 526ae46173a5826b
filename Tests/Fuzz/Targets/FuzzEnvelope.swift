import FuzzSupport

@testable import Backplane

/// Any bytes as a payload: walk, owned decoding, re-encoding, and parsing of its messages.
@main
enum FuzzEnvelope {
    static func main() {
        Fuzzer.run { start, count in
            FuzzEnvelope.check(UnsafeRawBufferPointer(start: start, count: count))
            return 0
        }
    }

    private static func check(_ payload: UnsafeRawBufferPointer) {
        let walked = walk(payload)
        let decoded = Result { () throws(EnvelopeError) in try Envelope(decoding: payload) }
        switch (walked, decoded) {
        case (.failure(let first), .failure(let second)):
            Fuzzer.check(first == second, "the walk says '\(first)', decoding says '\(second)'")
            Fuzzer.check((0...payload.count).contains(first.offset), "an error beyond the payload: \(first)")
        case (.success(let messages), .success(let envelope)):
            Fuzzer.check(messages == envelope.body.messages.count, "the walk saw \(messages) messages")
            roundTrip(envelope, payload, oddities(of: payload))
            for message in envelope.body.messages { check(message) }
        default:
            Fuzzer.fail("the walk ends with \(walked), decoding with \(decoded)")
        }
    }

    private static func walk(_ payload: UnsafeRawBufferPointer) -> Result<Int, EnvelopeError> {
        Result { () throws(EnvelopeError) in
            var walk = try EnvelopeWalk(payload)
            var count = 0
            while let message = try walk.next() {
                count += 1
                _ = message.kind
                _ = HubInvocation(scanning: message.value)
            }
            Fuzzer.check(count == walk.messageCount, "\(count) of \(walk.messageCount) messages")
            return count
        }
    }

    private static func oddities(of payload: UnsafeRawBufferPointer) -> EnvelopeOddities {
        guard var walk = try? EnvelopeWalk(payload) else { return [] }
        while (try? walk.next()) != nil {}
        return walk.oddities
    }

    private static func roundTrip(
        _ envelope: Envelope, _ payload: UnsafeRawBufferPointer, _ oddities: EnvelopeOddities
    ) {
        let encoded = envelope.encoded()
        // An oddity is not reproduced; nothing else may differ.
        Fuzzer.check(
            encoded.elementsEqual(payload) == oddities.isEmpty,
            "\(Array(payload)) became \(encoded), odd in \(oddities.labels)")
        guard let again = try? Envelope(decoding: encoded) else { Fuzzer.fail("\(encoded) does not decode") }
        Fuzzer.check(again == envelope && again.encoded() == encoded, "\(encoded) does not round-trip")
    }

    private static func check(_ message: Message) {
        let signal = message.signal
        Fuzzer.check(signal.key.utf8.elementsEqual(message.key.utf8), "'\(message.key)' became '\(signal.key)'")
        if message.commandID.isEmpty, !message.isAck {
            Fuzzer.check(message.kind == kind(of: signal), "'\(message.key)' is \(signal) and \(message.kind)")
        }
        guard let command = try? Command(decoding: message.value) else { return }
        Fuzzer.check((try? Command(decoding: command.encoded())) == command, "\(command) does not round-trip")
    }

    private static func kind(of signal: Signal) -> MessageKind {
        switch signal {
        case .hub: .hub
        case .client: .client
        case .group: .group
        case .user: .user
        case .connection: .connection
        case .persistentConnection: .persistentConnection
        case .persistentConnectionGroup: .persistentConnectionGroup
        case .ack: .ack
        case .other: .other
        }
    }
}
