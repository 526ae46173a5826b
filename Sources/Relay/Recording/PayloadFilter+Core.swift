import Backplane
import Capture
import Cryptography
import JSON

/// Envelopes of ASP.NET Core: channel, kind, protocols, excluded connections and methods stay, values are replaced.
extension PayloadFilter {
    /// Redacts an envelope of either backplane.
    ///
    /// - Parameter bytes: as recorded unredacted: the payload of SignalR 2, or a ``CoreRecord``.
    func filtered(_ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm) -> [UInt8] {
        guard case .core(_, let rootCount) = form else { return filtered(bytes) }
        // Without the channel its meaning is unknown.
        guard let record = try? CoreRecord(bytes) else { return hiddenCore(bytes) }
        let payload: [UInt8]
        if record.channel.count > rootCount, let name = CoreChannelName(record.channel, rootCount: rootCount),
            var decoded = try? CorePayload(decoding: record.payload, as: name.kind)
        {
            names?.rename(&decoded)
            payload = filtered(decoded)
        } else {
            payload = hiddenCore(record.payload)
        }
        let channel = names?.renamed(channel: record.channel, rootCount: rootCount) ?? Array(record.channel)
        return CoreRecord.bytes(channel: channel, payload: payload)
    }

    /// Re-encoded: additional items after those of a node are not recorded.
    private func filtered(_ payload: CorePayload) -> [UInt8] {
        switch payload {
        // Groups and connections only; without them groups cannot be followed.
        case .groupCommand, .ack: return payload.encoded()
        case .invocation(var invocation):
            for index in invocation.frames.indices {
                let frame = invocation.frames[index]
                invocation.frames[index].bytes = filtered(frame.bytes, protocolName: frame.protocolName)
            }
            return CorePayload.invocation(invocation).encoded()
        case .completion(var completion):
            completion.frame = filtered(completion.frame, protocolName: completion.protocolName)
            return CorePayload.completion(completion).encoded()
        }
    }

    private func filtered(_ frame: [UInt8], protocolName: String) -> [UInt8] {
        frame.withUnsafeBytes { frame in
            guard let format = CoreFormat.allCases.first(where: { $0.name == protocolName }) else {
                return hiddenCore(frame)
            }
            var walk = CoreHubMessageWalk(frame, format)
            let filter = CoreFrameFilter(mode: mode, hiddenMembers: hiddenMembers) { kind, bytes in
                Self.hash(bytes, kind: kind, key: key)
            }
            var output: [UInt8] = []
            do throws(CoreError) {
                while let message = try walk.next() {
                    switch format {
                    case .json: output += json(message)
                    case .messagePack: output += filter.messagePack(message)
                    }
                }
            } catch {
                return hiddenCore(frame)
            }
            return output
        }
    }

    private func json(_ message: CoreHubMessage) -> [UInt8] {
        if mode == .none { return Self.emptyJSON(message) }
        let object = UnsafeRawBufferPointer(rebasing: message.payload[message.range.dropLast()])
        // Routing information is not user data.
        let keeping = ["type", "target", "invocationId", "streamIds"]
        // Nested too deeply.
        guard let redacted = redactor.redacted(object, keeping: keeping) else { return Self.emptyJSON(message) }
        return redacted + [0x1E]
    }

    /// A message of the same type without values.
    private static func emptyJSON(_ message: CoreHubMessage) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{\"type\":\(message.typeNumber)")
        if let id = message.invocationID {
            writer.raw(",\"invocationId\":")
            writer.string(id.text)
        }
        if let target = message.target {
            writer.raw(",\"target\":")
            writer.string(target.text)
        }
        if message.arguments != nil { writer.raw(",\"arguments\":[]") }
        if message.type == .streamItem { writer.raw(",\"item\":null") }
        writer.raw("}\u{1E}")
        return writer.bytes
    }

    /// A payload whose values cannot be found.
    private func hiddenCore(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        switch mode {
        case .none: []
        case .hash: Array(Self.hash(bytes, kind: "b", key: key).utf8)
        case .full: Array(JSONRedactor.hidden.utf8)
        }
    }
}

/// Redacts MessagePack messages of the hub protocol: structure and member names stay, values are replaced. Equal texts
/// and whole numbers have the same hash as in JSON.
struct CoreFrameFilter {
    let mode: PayloadMode
    /// In lower case.
    let hiddenMembers: [String]
    let hash: (_ kind: String, _ bytes: [UInt8]) -> String

    /// - Returns: the message with its length prefix.
    func messagePack(_ message: CoreHubMessage) -> [UInt8] {
        var writer = MessagePackWriter()
        switch message.type {
        case .invocation, .streamInvocation:
            writer.array(6)
            head(message, to: &writer)
            writer.string(message.target?.text ?? "")
            values(message.arguments?.range, of: message, otherwise: { $0.array(0) }, to: &writer)
            writer.array(message.streamIDTexts.count)
            for id in message.streamIDTexts { writer.string(id) }
        case .streamItem:
            writer.array(4)
            head(message, to: &writer)
            values(message.value, of: message, otherwise: { $0.nil() }, to: &writer)
        case .completion: completion(message, to: &writer)
        case .cancelInvocation:
            writer.array(3)
            head(message, to: &writer)
        case .ping, .close, .ack, .sequence, nil:
            writer.array(1)
            writer.int(message.typeNumber)
        }
        return Self.length(writer.bytes.count) + writer.bytes
    }

    private func completion(_ message: CoreHubMessage, to writer: inout MessagePackWriter) {
        let range = message.value ?? message.errorRange
        writer.array(range == nil || mode == .none ? 4 : 5)
        head(message, to: &writer)
        guard mode != .none, range != nil else { return writer.int(2) }
        writer.int(message.value == nil ? 1 : 3)
        values(range, of: message, otherwise: { $0.nil() }, to: &writer)
    }

    /// Type, headers and invocation id.
    private func head(_ message: CoreHubMessage, to writer: inout MessagePackWriter) {
        writer.int(message.typeNumber)
        let headers = mode == .none ? [] : message.headerTexts
        writer.map(headers.count)
        for (name, value) in headers {
            writer.string(name)
            if hiddenMembers.contains(name.lowercased()) {
                writer.string(JSONRedactor.hidden)
            } else {
                writer.string(mode == .hash ? hash("s", Array(value.utf8)) : value)
            }
        }
        if let id = message.invocationID { writer.string(id.text) } else { writer.nil() }
    }

    private func values(
        _ range: Range<Int>?, of message: CoreHubMessage, otherwise: (inout MessagePackWriter) -> Void,
        to writer: inout MessagePackWriter
    ) {
        guard mode != .none, let range else { return otherwise(&writer) }
        var reader = MessagePackReader(message.payload, in: range)
        var rewritten = MessagePackWriter()
        do throws(CoreError) {
            try rewrite(&reader, to: &rewritten, depth: 0)
            writer.raw(rewritten.bytes)
        } catch {
            otherwise(&writer)
        }
    }

    private func rewrite(
        _ reader: inout MessagePackReader, to writer: inout MessagePackWriter, depth: Int
    ) throws(CoreError) {
        let start = reader.position
        if reader.isCompressed || depth > MessagePackReader.maximumDepth {
            return opaque(try reader.value(), reader.bytes, to: &writer)
        }
        switch try reader.token() {
        case .nil: writer.nil()
        case .bool(let value): writer.bool(value)
        case .int(let value): number("\(value)", start..<reader.position, reader.bytes, to: &writer)
        case .uint(let value): number("\(value)", start..<reader.position, reader.bytes, to: &writer)
        case .float(let value): number("\(value)", start..<reader.position, reader.bytes, to: &writer)
        case .double(let value): number("\(value)", start..<reader.position, reader.bytes, to: &writer)
        case .string(let text):
            if mode == .hash { writer.string(hash("s", Array(text))) } else { writer.string(utf8: text) }
        case .ext(let type, _) where type != MessagePackExtension.timestamp && !hiddenMembers.isEmpty:
            // It may hold an object with members of its own, as the typeless ones of MessagePack-CSharp do.
            opaque(start..<reader.position, reader.bytes, to: &writer)
        case .binary, .ext:
            if mode == .hash {
                opaque(start..<reader.position, reader.bytes, to: &writer)
            } else {
                writer.raw(reader.bytes[start..<reader.position])
            }
        case .array(let count):
            writer.array(count)
            for _ in 0..<count { try rewrite(&reader, to: &writer, depth: depth + 1) }
        case .map(let count):
            writer.map(count)
            for _ in 0..<count { try member(&reader, to: &writer, depth: depth + 1) }
        }
    }

    private func member(
        _ reader: inout MessagePackReader, to writer: inout MessagePackWriter, depth: Int
    ) throws(CoreError) {
        var ahead = reader
        guard case .string(let name) = try ahead.token() else {
            // Not a member name, so a value.
            try rewrite(&reader, to: &writer, depth: depth)
            return try rewrite(&reader, to: &writer, depth: depth)
        }
        reader = ahead
        writer.string(utf8: name)
        if hiddenMembers.contains(String(decoding: name, as: UTF8.self).lowercased()) {
            try reader.skipValue()
            return writer.string(JSONRedactor.hidden)
        }
        try rewrite(&reader, to: &writer, depth: depth)
    }

    private func number(
        _ text: String, _ range: Range<Int>, _ bytes: UnsafeRawBufferPointer, to writer: inout MessagePackWriter
    ) {
        if mode == .hash { writer.string(hash("n", Array(text.utf8))) } else { writer.raw(bytes[range]) }
    }

    /// A value that is not parsed.
    private func opaque(_ range: Range<Int>, _ bytes: UnsafeRawBufferPointer, to writer: inout MessagePackWriter) {
        writer.string(mode == .hash ? hash("b", Array(bytes[range])) : JSONRedactor.hidden)
    }

    /// In 7-bit groups, least significant first.
    private static func length(_ count: Int) -> [UInt8] {
        var groups: [UInt8] = []
        var left = count
        repeat {
            groups.append(UInt8(left & 0x7F) | (left > 0x7F ? 0x80 : 0))
            left >>= 7
        } while left > 0
        return groups
    }
}
