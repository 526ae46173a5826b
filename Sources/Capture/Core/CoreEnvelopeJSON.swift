import Backplane
import JSON
import Time

/// An envelope of ASP.NET Core as a JSON object, with the member names of SignalR 2 where the meaning is the same. What
/// this wire does not have (id, times, sender) is absent.
enum CoreEnvelopeJSON {
    /// `{"channel", "redis_channel", "received_at", "messages": [{"kind", "hub", ...}]}`, with `"oddities": [...]`, or
    /// `error` and `payload_base64`.
    static func append(
        _ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm, channel: String, receivedAt: UInt64,
        to output: inout [UInt8]
    ) {
        output.append(ascii: "{\"channel\":")
        output.append(jsonString: channel)
        let record = try? CoreRecord(bytes)
        if let record {
            output.append(ascii: ",\"redis_channel\":")
            output.append(jsonText: record.channel)
        }
        output.append(ascii: ",\"received_at\":\"")
        output.append(contentsOf: UTCTime.rfc3339(receivedAt).utf8)
        output.append(ascii: "\"")
        do throws(EnvelopeFault) {
            let envelope = try EnvelopeView(bytes, form)
            if let view = envelope.core { append(view, to: &output) }
            let oddities = envelope.oddities
            if !oddities.isEmpty {
                let labels = oddities.map { "\"\($0)\"" }.joined(separator: ",")
                output.append(contentsOf: ",\"oddities\":[\(labels)]".utf8)
            }
        } catch {
            output.append(ascii: ",\"error\":")
            output.append(jsonString: error.description)
            output.append(ascii: ",\"payload_base64\":\"")
            output.append(base64: record?.payload ?? bytes)
            output.append(ascii: "\"")
        }
        output.append(ascii: "}")
    }

    private static func append(_ view: CoreEnvelopeView, to output: inout [UInt8]) {
        output.append(ascii: ",\"messages\":[{\"kind\":\"")
        output.append(contentsOf: view.name.kind.label.utf8)
        output.append(ascii: "\",\"hub\":")
        output.append(jsonText: view.hub)
        if let target = view.target {
            output.append(ascii: ",\"target\":")
            output.append(jsonText: target)
        }
        switch view.payload {
        case .invocation(let invocation): append(invocation, view.message, to: &output)
        case .completion(let completion):
            output.append(ascii: ",\"protocols\":[")
            output.append(jsonText: completion.protocolName)
            output.append(ascii: "]")
            if let message = view.message { append(message, to: &output) }
        case .groupCommand(let command):
            output.append(contentsOf: ",\"source\":".utf8)
            output.append(jsonText: command.server)
            output.append(contentsOf: ",\"command\":\"\(command.id)\",\"command_name\":\"\(command.name)\",".utf8)
            output.append(ascii: "\"connection\":")
            output.append(jsonText: command.connection)
        case .ack(let ack): output.append(contentsOf: ",\"command\":\"\(ack.id)\",\"is_ack\":true".utf8)
        }
        if CorePing.isPing(view.name, view.payload) { output.append(ascii: ",\"ping\":true") }
        output.append(contentsOf: ",\"bytes\":\(view.record.payload.count)}]".utf8)
    }

    private static func append(
        _ invocation: CoreInvocationView, _ message: CoreHubMessage?, to output: inout [UInt8]
    ) {
        if let message { append(message, to: &output) }
        output.append(ascii: ",\"protocols\":")
        appendList(invocation.protocols, to: &output)
        if case .different? = try? invocation.agreement() { output.append(ascii: ",\"protocols_agree\":false") }
        if invocation.excludedCount > 0 {
            output.append(ascii: ",\"excluded\":")
            appendList(invocation.excluded, to: &output)
        }
        if let id = invocation.invocationID {
            output.append(ascii: ",\"invocation_id\":")
            output.append(jsonText: id)
        }
        if let channel = invocation.returnChannel {
            output.append(ascii: ",\"return_channel\":")
            output.append(jsonText: channel)
        }
    }

    private static func append(_ message: CoreHubMessage, to output: inout [UInt8]) {
        if message.type != .invocation, message.type != .completion {
            output.append(contentsOf: ",\"type\":\"\(message.type?.label ?? "\(message.typeNumber)")\"".utf8)
        }
        if let method = message.target {
            output.append(ascii: ",\"method\":")
            output.append(jsonString: method.text)
        }
        if let arguments = message.arguments {
            output.append(ascii: ",\"arguments\":")
            output.append(json: message.value(arguments.range))
        }
        if let value = message.value {
            output.append(ascii: ",\"value\":")
            output.append(json: message.value(value))
        }
        if let error = message.error {
            output.append(ascii: ",\"result_error\":")
            output.append(jsonString: error.text)
        }
        if message.type == .completion, let id = message.invocationID {
            output.append(ascii: ",\"invocation_id\":")
            output.append(jsonString: id.text)
        }
        let streams = message.streamIDTexts
        if !streams.isEmpty {
            output.append(ascii: ",\"stream_ids\":")
            appendList(streams, to: &output)
        }
        let headers = message.headerTexts
        if !headers.isEmpty {
            for (index, header) in headers.enumerated() {
                output.append(contentsOf: (index == 0 ? ",\"headers\":{" : ",").utf8)
                output.append(jsonString: header.name)
                output.append(ascii: ":")
                output.append(jsonString: header.value)
            }
            output.append(ascii: "}")
        }
    }

    private static func appendList(_ texts: [String], to output: inout [UInt8]) {
        output.append(ascii: "[")
        for (index, text) in texts.enumerated() {
            if index > 0 { output.append(ascii: ",") }
            output.append(jsonString: text)
        }
        output.append(ascii: "]")
    }
}

extension CoreGroupCommandView {
    /// Name of the kind in JSON, as for SignalR 2.
    package var name: String {
        switch Action(rawValue: rawAction) {
        case .add: "AddToGroup"
        case .remove: "RemoveFromGroup"
        case nil: "\(rawAction)"
        }
    }
}

extension CoreValue {
    /// JSON on a single line, ready to be embedded in other JSON.
    package var lineJSON: [UInt8] {
        let json = json()
        guard format == .json else { return json }
        let isWhole = json.withUnsafeBytes { JSONText.isJSON($0) }
        // Too deep to show, or not UTF-8.
        guard isWhole else {
            var writer = JSONWriter()
            writer.string(String(decoding: json, as: UTF8.self))
            return writer.bytes
        }
        // Line breaks between tokens would break the line; inside a string JSON allows none.
        return json.contains { $0 < 0x20 } ? json.filter { $0 >= 0x20 } : json
    }
}

extension [UInt8] {
    /// - Parameter text: expected to be UTF-8.
    fileprivate mutating func append(jsonText text: UnsafeRawBufferPointer) {
        guard JSONText.isUTF8(text) else { return append(jsonString: String(decoding: text, as: UTF8.self)) }
        append(addingCapacity: OutputSpan<UInt8>.jsonStringLimit(text.count)) { $0.append(jsonString: text) }
    }

    fileprivate mutating func append(json value: CoreValue) { append(contentsOf: value.lineJSON) }
}
