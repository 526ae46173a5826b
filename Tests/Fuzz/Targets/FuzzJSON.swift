import Capture
import FuzzSupport
import JSON

@testable import Backplane

/// Any bytes as a message's value: the scanner, calls, commands, and the lines of `cat --json`.
@main
enum FuzzJSON {
    static func main() {
        Fuzzer.run { start, count in
            let value = UnsafeRawBufferPointer(start: start, count: count)
            FuzzJSON.checkText(value)
            FuzzJSON.checkCalls(value)
            FuzzJSON.checkCommand(value)
            // Base64 of random data finds little and is slow.
            if count < 24 || JSONText.isJSON(value) { FuzzJSON.checkLine(value) }
            FuzzJSON.checkEvent(value)
            return 0
        }
    }

    private static func checkText(_ value: UnsafeRawBufferPointer) {
        let bytes = Array(value)
        let isJSON = JSONText.isJSON(value)
        let rewritten = JSONText.rewritten(bytes)
        Fuzzer.check(isJSON == (rewritten != nil), "rewritten, although it is no JSON")
        if let rewritten {
            Fuzzer.check(JSONText.isJSON(rewritten), "\(rewritten) is no JSON")
            Fuzzer.check(JSONText.rewritten(rewritten) == rewritten, "\(rewritten) is written otherwise again")
        }
        let tree = try? JSONTree(parsing: value)
        Fuzzer.check(!isJSON || tree != nil, "a tree is not made of JSON")
        if let tree, isJSON {
            Fuzzer.check((try? JSONTree(parsing: tree.description)) == tree, "\(tree) is another tree again")
        }
        if let text = JSONText.string(bytes), isJSON, let rewritten {
            let again = JSONText.string(rewritten)
            Fuzzer.check(again?.utf8.elementsEqual(text.utf8) == true, "'\(text)' became '\(again ?? "")'")
        }
    }

    private static func checkCalls(_ value: UnsafeRawBufferPointer) {
        let invocation = HubInvocation(scanning: value)
        let hub = invocation?.hubName
        let method = invocation?.methodName
        guard let request = HubRequest(decoding: Array(value)) else { return }
        for argument in request.arguments {
            Fuzzer.check(JSONText.isJSON(argument), "\(argument) is an argument, but no JSON")
        }
        guard let invocation else { return }
        Fuzzer.check(hub == request.hub && method == request.method, "\(request) is \(hub ?? "").\(method ?? "")")
        Fuzzer.check(invocation.argumentCount == request.arguments.count, "\(invocation.argumentCount) arguments")
    }

    private static func checkCommand(_ value: UnsafeRawBufferPointer) {
        guard let command = try? Command(decoding: value) else { return }
        let encoded = command.encoded()
        Fuzzer.check((try? Command(decoding: encoded)) == command, "\(command) does not round-trip")
    }

    private static func checkLine(_ value: UnsafeRawBufferPointer) {
        let message = Message(source: "s", key: "h-Chat", value: Array(value), filter: "a|b")
        let envelope = Envelope(id: 7, body: ScaleoutMessage(messages: [message], createdTicks: 0))
        var line: [UInt8] = []
        envelope.encoded().withUnsafeBytes {
            EnvelopeJSON.append(payload: $0, channel: "chat\n\"", receivedAt: 1_700_000_000_000_000_000, to: &line)
        }
        Fuzzer.check(line.allSatisfy { $0 >= 0x20 }, "a control character in \(String(decoding: line, as: UTF8.self))")
        // The line nests the value three levels deeper, where the scanner may stop.
        let openings = value.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
        Fuzzer.check(
            openings > 60 || JSONText.isJSON(line), "'\(String(decoding: line, as: UTF8.self))' is no JSON")
        guard let first = value.first, first &- UInt8(ascii: "0") < 10 else { return }
        line.removeAll()
        EnvelopeJSON.append(payload: value, channel: "chat", receivedAt: .max, to: &line)
        Fuzzer.check(JSONText.isJSON(line), "'\(String(decoding: line, as: UTF8.self))' is no JSON")
    }

    private static func checkEvent(_ value: UnsafeRawBufferPointer) {
        // Foundation's decoding is slow: only possible events are passed to it.
        guard value.count > 9, value.starts(with: "{\"event\"".utf8), let event = CaptureEvent(json: value) else {
            return
        }
        let again = event.json().withUnsafeBytes { CaptureEvent(json: $0) }
        Fuzzer.check(again == event, "\(event) does not round-trip")
    }
}
