import Backplane
import FuzzSupport
import JSON
import NIOCore

@testable import HubNode

/// What a client of ASP.NET Core SignalR sends to a hub node: the first byte says in which protocol, the second in pieces of
/// how many bytes. The messages are the same, however they are cut; each is read, counted for stateful reconnect, and, if
/// it is an answer, written as the node passes it on.
@main
enum FuzzCoreHub {
    private static let limit = 1_024

    static func main() {
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let choice = input.byte()
            let piece = max(1, Int(input.byte()))
            let bytes = Array(input.rest())
            switch choice % 3 {
            case 0: FuzzCoreHub.check(bytes, in: .json, piece: piece)
            case 1: FuzzCoreHub.check(bytes, in: .messagePack, piece: piece)
            default: FuzzCoreHub.checkHandshake(bytes, piece: piece)
            }
            return 0
        }
    }

    // MARK: - Dividing

    private struct Divided: Equatable {
        var messages: [[UInt8]] = []
        var failure: CoreInbox.Failure?
    }

    private static func divide(_ bytes: [UInt8], in format: CoreFormat?, piece: Int) -> Divided {
        var inbox = CoreInbox(limit: limit)
        inbox.format = format
        var divided = Divided()
        var rest = bytes[...]
        repeat {
            inbox.append(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            do throws(CoreInbox.Failure) {
                while let message = try inbox.next() { divided.messages.append(message) }
            } catch {
                divided.failure = error
                return divided
            }
        } while !rest.isEmpty
        let taken = divided.messages.reduce(0) { $0 + $1.count }
        Fuzzer.check(inbox.count == bytes.count - taken, "\(inbox.count) bytes wait of \(bytes.count) less \(taken)")
        return divided
    }

    private static func messages(_ bytes: [UInt8], in format: CoreFormat?, piece: Int) -> [[UInt8]] {
        let whole = divide(bytes, in: format, piece: max(1, bytes.count))
        let cut = divide(bytes, in: format, piece: piece)
        Fuzzer.check(whole == cut, "in pieces of \(piece): \(cut), at once: \(whole)")
        Fuzzer.check(bytes.starts(with: whole.messages.joined()), "\(whole.messages) is not how it begins")
        // A length takes five bytes at most.
        Fuzzer.check(whole.messages.allSatisfy { $0.count <= limit + 5 }, "a message above the limit")
        return whole.messages
    }

    // MARK: - Reading

    private static func check(_ bytes: [UInt8], in format: CoreFormat, piece: Int) {
        var stateful = StatefulReconnect(limit: 100)
        var counted: Int64 = 0
        for bytes in messages(bytes, in: format, piece: piece) {
            let message: CoreClientMessage
            do throws(CoreClientMessage.Malformed) {
                message = try CoreClientMessage(bytes, format)
                if message.isCounted { counted += 1 }
                _ = try stateful.takes(message)
            } catch {
                return
            }
            switch message {
            case .completion(let id, let completion): checkPassedOn(id, completion, format)
            case .ack(let number), .sequence(let number):
                Fuzzer.check(number >= 0, "\(number)")
                checkAck(number, &stateful)
            case .invocation, .streamItem, .cancelInvocation, .ping, .close, .unknown: break
            }
        }
        let ack = stateful.dueAck() ?? 0
        Fuzzer.check((0...counted).contains(ack), "ack \(ack) of \(counted)")
    }

    private static func checkAck(_ number: Int64, _ stateful: inout StatefulReconnect) {
        _ = stateful.send(ByteBuffer(string: "message"))
        let before = stateful.pending
        _ = stateful.acknowledge(number)
        Fuzzer.check(
            stateful.pending.messages <= before.messages && stateful.pending.bytes <= before.bytes
                && stateful.pending.bytes >= 0, "\(stateful.pending) after \(before)")
    }

    /// What the node writes of an answer is the same answer.
    private static func checkPassedOn(
        _ id: String, _ completion: CoreClientMessage.Completion, _ format: CoreFormat
    ) {
        let frame = CoreServerMessage.completion(id: id, completion).encoded(format)
        guard case .completion(let again, let answer)? = try? CoreClientMessage(frame, format) else {
            Fuzzer.fail("\(String(decoding: frame, as: UTF8.self)) is no completion")
        }
        Fuzzer.check(again.utf8.elementsEqual(id.utf8), "id '\(id)' became '\(again)'")
        switch (completion, answer) {
        case (.void, .void), (.error, .error), (.result, .result): break
        default: Fuzzer.fail("\(completion) became \(answer)")
        }
    }

    private static func checkHandshake(_ bytes: [UInt8], piece: Int) {
        guard let first = messages(bytes, in: nil, piece: piece).first else { return }
        do throws(CoreHandshake.Refusal) {
            let handshake = try CoreHandshake(Array(first.dropLast()), detailed: true)
            Fuzzer.check(handshake.version <= CoreHandshake.highestVersion, "version \(handshake.version)")
        } catch {
            Fuzzer.check(JSONText.isJSON(Array(error.frame.dropLast())), "\(error)")
        }
    }
}
