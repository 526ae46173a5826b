import Backplane
import Capture

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
