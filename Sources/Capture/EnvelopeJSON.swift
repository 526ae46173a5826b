import Backplane
import FoundationEssentials
import JSON
import Time

/// One envelope as one JSON object, appended to a buffer: what `cat --json` prints.
///
/// Written by hand: captures have millions of envelopes, and JSON values are copied as they are.
package enum EnvelopeJSON {
    /// An envelope of either backplane.
    package static func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        switch envelope.form {
        case .signalR2:
            append(
                payload: envelope.payload, channel: envelope.channel, receivedAt: envelope.receivedAt, to: &output)
        case .core:
            CoreEnvelopeJSON.append(
                envelope.payload, envelope.form, channel: envelope.channel, receivedAt: envelope.receivedAt, to: &output
            )
        }
    }

    /// `{"channel", "id", "received_at", "created_at", "latency_ns", "messages": [...]}`, with `"oddities": [...]` if a
    /// node would not have written it like this, or `error` and `payload_base64` for a payload that does not decode.
    ///
    /// - Parameter receivedAt: nanoseconds since 1970.
    package static func append(
        payload: UnsafeRawBufferPointer, channel: String, receivedAt: UInt64, to output: inout [UInt8]
    ) {
        let start = output.count
        do throws(EnvelopeError) {
            let ticks = try EnvelopeWalk(payload).createdTicks
            let walk = try append(payload, ticks: ticks, channel: channel, receivedAt: receivedAt, to: &output)
            if walk.createdTicks != ticks {
                // The position of the time is known only after the messages.
                output.removeSubrange(start...)
                _ = try append(payload, ticks: walk.createdTicks, channel: channel, receivedAt: receivedAt, to: &output)
            }
            output.append(ascii: "]")
            if !walk.oddities.isEmpty { append(walk.oddities, to: &output) }
            output.append(ascii: "}")
        } catch {
            output.removeSubrange(start...)
            let id = try? EnvelopeID.parse(payload).id
            appendHead(channel: channel, id: id, receivedAt: receivedAt, to: &output)
            output.append(ascii: ",\"error\":")
            output.append(jsonString: error.description)
            output.append(ascii: ",\"payload_base64\":\"")
            output.append(base64: payload)
            output.append(ascii: "\"}")
        }
    }

    /// Everything except the end.
    @inline(__always)
    private static func append(
        _ payload: UnsafeRawBufferPointer, ticks: Int64, channel: String, receivedAt: UInt64, to output: inout [UInt8]
    ) throws(EnvelopeError) -> EnvelopeWalk {
        var walk = try EnvelopeWalk(payload)
        appendHead(channel: channel, id: walk.id, receivedAt: receivedAt, to: &output)
        appendTimes(ticks: ticks, receivedAt: receivedAt, to: &output)
        var isFirst = true
        while let message = try walk.next() {
            if walk.oddities.contains(.utf8) {
                message.withWellFormedText { append($0, isFirst: isFirst, to: &output) }
            } else {
                append(message, isFirst: isFirst, to: &output)
            }
            isFirst = false
        }
        return walk
    }

    private static func append(_ oddities: EnvelopeOddities, to output: inout [UInt8]) {
        let labels = oddities.labels.map { "\"\($0)\"" }.joined(separator: ",")
        output.append(contentsOf: ",\"oddities\":[\(labels)]".utf8)
    }

    /// Space for a part beyond its strings: names, punctuation, numbers and times.
    private static let fixedLimit = 192

    private static func appendHead(channel: String, id: UInt64?, receivedAt: UInt64, to output: inout [UInt8]) {
        var channel = channel
        channel.withUTF8 { channel in
            output.append(addingCapacity: fixedLimit + OutputSpan.jsonStringLimit(channel.count)) { line in
                line.append("{\"channel\":")
                line.append(jsonString: UnsafeRawBufferPointer(channel))
                line.append(",\"id\":")
                if let id { line.append(decimal: id) } else { line.append("null") }
                line.append(",\"received_at\":\"")
                UTCTime.appendRFC3339(receivedAt, to: &line)
                line.append("\"")
            }
        }
    }

    /// Up to the messages.
    private static func appendTimes(ticks: Int64, receivedAt: UInt64, to output: inout [UInt8]) {
        output.append(addingCapacity: fixedLimit) { line in
            if let createdAt = DotNetTicks(rawValue: ticks).unixNanoseconds, createdAt >= 0,
                let received = Int64(exactly: receivedAt)
            {
                line.append(",\"created_at\":\"")
                UTCTime.appendRFC3339(UInt64(createdAt), to: &line)
                line.append("\",\"latency_ns\":")
                let latency = received - createdAt
                if latency < 0 { line.append("-") }
                line.append(decimal: latency.magnitude)
            } else {
                line.append(",\"created_at\":null,\"latency_ns\":null")
            }
            line.append(",\"messages\":[")
        }
    }

    private static func append(_ message: MessageView, isFirst: Bool, to output: inout [UInt8]) {
        let strings = OutputSpan.jsonStringLimit(message.source.count) + OutputSpan.jsonStringLimit(message.key.count)
        output.append(addingCapacity: fixedLimit + strings) { line in
            line.append(isFirst ? "{\"source\":" : ",{\"source\":")
            line.append(jsonString: message.source)
            line.append(",\"key\":")
            line.append(jsonString: message.key)
            line.append(",\"kind\":\"")
            var kind = message.kind.label
            kind.withUTF8 { line.append(UnsafeRawBufferPointer($0)) }
            line.append("\"")
        }
        let isText = JSONText.isUTF8(message.value)
        let invocation = HubInvocation(scanning: message.value)
        if let invocation {
            append(name: invocation.hub, isText, decoded: { invocation.hubName }, ",\"hub\":", to: &output)
            append(name: invocation.method, isText, decoded: { invocation.methodName }, ",\"method\":", to: &output)
        }
        output.append(ascii: ",\"value\":")
        // The call was found in JSON, only the depth was not checked.
        let isCall = invocation != nil && isText && !JSONText.mayBeTooDeep(message.value)
        if isCall || JSONText.isJSON(message.value) {
            // Line breaks between tokens would break the line; inside a string JSON allows none.
            if lowestByte(of: message.value) >= 0x20 {
                output.append(contentsOf: message.value)
            } else {
                output.append(contentsOf: message.value.lazy.filter { $0 >= 0x20 })
            }
        } else {
            output.append(UInt8(ascii: "\""))
            output.append(base64: message.value)
            output.append(UInt8(ascii: "\""))
        }
        appendTail(of: message, to: &output)
    }

    /// The members after the value.
    private static func appendTail(of message: MessageView, to output: inout [UInt8]) {
        let strings =
            OutputSpan.jsonStringLimit(message.commandID.count) + OutputSpan.jsonStringLimit(message.filter.count)
        output.append(addingCapacity: fixedLimit + strings) { line in
            line.append(",\"command\":")
            if message.commandID.isEmpty { line.append("null") } else { line.append(jsonString: message.commandID) }
            if let name = commandName(of: message) {
                line.append(",\"command_name\":\"")
                line.append(name)
                line.append("\"")
            }
            line.append(message.waitForAck ? ",\"wait_for_ack\":true" : ",\"wait_for_ack\":false")
            line.append(message.isAck ? ",\"is_ack\":true" : ",\"is_ack\":false")
            line.append(",\"filter\":")
            line.append(jsonString: message.filter)
            line.append("}")
        }
    }

    /// The request between nodes; nil if it is not a known command.
    private static func commandName(of message: MessageView) -> StaticString? {
        guard !message.commandID.isEmpty, !message.isAck, let command = try? Command(decoding: message.value) else {
            return nil
        }
        switch command.type {
        case .initializing: return "Initializing"
        case .addToGroup: return "AddToGroup"
        case .removeFromGroup: return "RemoveFromGroup"
        case .abort: return "Abort"
        }
    }

    /// A name of a call.
    ///
    /// - Parameter name: JSON text, as it is in the value.
    private static func append(
        name: UnsafeRawBufferPointer, _ isText: Bool, decoded: () -> String, _ label: StaticString,
        to output: inout [UInt8]
    ) {
        output.append(addingCapacity: fixedLimit) { $0.append(label) }
        if isText, !name.contains(UInt8(ascii: "\\")) {
            output.append(addingCapacity: name.count + 2) { line in
                line.append("\"")
                line.append(name)
                line.append("\"")
            }
        } else {
            output.append(jsonString: decoded())
        }
    }

    /// Written so that the compiler vectorizes the loop.
    private static func lowestByte(of bytes: UnsafeRawBufferPointer) -> UInt8 {
        var lowest = UInt8.max
        for byte in bytes { lowest = min(lowest, byte) }
        return lowest
    }
}

extension [UInt8] {
    mutating func append(ascii text: StaticString) {
        append(addingCapacity: text.utf8CodeUnitCount) { $0.append(text) }
    }

    mutating func append(jsonString text: String) {
        var text = text
        text.withUTF8 { text in
            append(addingCapacity: OutputSpan<UInt8>.jsonStringLimit(text.count)) {
                $0.append(jsonString: UnsafeRawBufferPointer(text))
            }
        }
    }

    mutating func append(base64 bytes: UnsafeRawBufferPointer) {
        append(contentsOf: Data(bytes).base64EncodedData())
    }
}
