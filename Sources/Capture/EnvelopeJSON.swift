import FoundationEssentials
import SignalRBackplane

/// One envelope as one JSON object, appended to a buffer: what `cat --json` prints.
///
/// Written by hand: a capture holds millions, and values that are JSON already go through as they are.
public enum EnvelopeJSON {
    /// `{"channel", "id", "received_at", "created_at", "latency_ns", "messages": [...]}`, or `error` and
    /// `payload_base64` for a payload that does not decode.
    ///
    /// - Parameter receivedAt: nanoseconds since 1970.
    public static func append(
        payload: UnsafeRawBufferPointer, channel: String, receivedAt: UInt64, to output: inout [UInt8]
    ) {
        let start = output.count
        do throws(EnvelopeError) {
            var walk = try EnvelopeWalk(payload)
            appendHead(channel: channel, id: walk.id, receivedAt: receivedAt, to: &output)
            appendTimes(ticks: walk.createdTicks, receivedAt: receivedAt, to: &output)
            output.append(ascii: ",\"messages\":[")
            var isFirst = true
            while let message = try walk.next() {
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                append(message, to: &output)
            }
            output.append(ascii: "]}")
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

    private static func appendHead(channel: String, id: UInt64?, receivedAt: UInt64, to output: inout [UInt8]) {
        output.append(ascii: "{\"channel\":")
        output.append(jsonString: channel)
        output.append(ascii: ",\"id\":")
        if let id { output.append(decimal: id) } else { output.append(ascii: "null") }
        output.append(ascii: ",\"received_at\":\"")
        UTCTime.appendRFC3339(receivedAt, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    private static func appendTimes(ticks: Int64, receivedAt: UInt64, to output: inout [UInt8]) {
        guard let createdAt = DotNetTicks(rawValue: ticks).unixNanoseconds, createdAt >= 0,
            let received = Int64(exactly: receivedAt)
        else {
            output.append(ascii: ",\"created_at\":null,\"latency_ns\":null")
            return
        }
        output.append(ascii: ",\"created_at\":\"")
        UTCTime.appendRFC3339(UInt64(createdAt), to: &output)
        output.append(ascii: "\",\"latency_ns\":")
        let latency = received - createdAt
        if latency < 0 { output.append(UInt8(ascii: "-")) }
        output.append(decimal: latency.magnitude)
    }

    /// A loop that the compiler turns into vector instructions.
    private static func lowestByte(of bytes: UnsafeRawBufferPointer) -> UInt8 {
        var lowest = UInt8.max
        for byte in bytes { lowest = min(lowest, byte) }
        return lowest
    }

    private static func append(_ message: MessageView, to output: inout [UInt8]) {
        output.append(ascii: "{\"source\":")
        output.append(jsonString: message.source)
        output.append(ascii: ",\"key\":")
        output.append(jsonString: message.key)
        output.append(ascii: ",\"kind\":\"")
        output.append(ascii: message.kind.label)
        output.append(UInt8(ascii: "\""))
        if let invocation = HubInvocation(scanning: message.value) {
            output.append(ascii: ",\"hub\":")
            output.append(jsonString: invocation.hubName)
            output.append(ascii: ",\"method\":")
            output.append(jsonString: invocation.methodName)
        }
        output.append(ascii: ",\"value\":")
        if JSONText.isJSON(message.value) {
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
        output.append(ascii: ",\"command\":")
        if message.commandID.isEmpty {
            output.append(ascii: "null")
        } else {
            output.append(jsonString: message.commandID)
        }
        output.append(ascii: message.waitForAck ? ",\"wait_for_ack\":true" : ",\"wait_for_ack\":false")
        output.append(ascii: message.isAck ? ",\"is_ack\":true" : ",\"is_ack\":false")
        output.append(ascii: ",\"filter\":")
        output.append(jsonString: message.filter)
        output.append(UInt8(ascii: "}"))
    }
}

extension [UInt8] {
    fileprivate mutating func append(ascii text: String) {
        append(contentsOf: text.utf8)
    }

    fileprivate mutating func append(decimal number: UInt64) {
        append(contentsOf: String(number).utf8)
    }

    fileprivate mutating func append(jsonString text: String) {
        var text = text
        text.withUTF8 { append(jsonString: UnsafeRawBufferPointer($0)) }
    }

    /// - Parameter text: valid UTF-8.
    fileprivate mutating func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var pending = 0
        for (index, byte) in text.enumerated()
        where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            append(contentsOf: text[pending..<index])
            pending = index + 1
            append(UInt8(ascii: "\\"))
            switch byte {
            case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
            case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
            case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
            default:
                append(ascii: byte < 0x10 ? "u000" : "u00")
                append(contentsOf: String(byte, radix: 16).utf8)
            }
        }
        append(contentsOf: text[pending...])
        append(UInt8(ascii: "\""))
    }

    fileprivate mutating func append(base64 bytes: UnsafeRawBufferPointer) {
        append(contentsOf: Data(bytes).base64EncodedData())
    }
}
