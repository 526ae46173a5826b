/// A MessagePack value as a tree, for small values that are needed completely. ``MessagePackReader`` reads in place.
package indirect enum MessagePackValue: Equatable, Sendable {
    case `nil`
    case bool(Bool)
    case int(Int64)
    /// Above `Int64.max`.
    case uint(UInt64)
    case float(Float)
    case double(Double)
    /// Expected to be UTF-8.
    case string([UInt8])
    case binary([UInt8])
    case array([MessagePackValue])
    /// In byte order; keys may repeat.
    case map([Pair])
    case ext(type: Int8, data: [UInt8])

    /// A key and its value in a map, in the order of the bytes.
    package struct Pair: Equatable, Sendable {
        package var key: MessagePackValue
        package var value: MessagePackValue

        package init(_ key: MessagePackValue, _ value: MessagePackValue) {
            self.key = key
            self.value = value
        }
    }

    package static func string(_ text: String) -> MessagePackValue { .string(Array(text.utf8)) }

    package static func timestamp(_ time: MessagePackTimestamp) -> MessagePackValue {
        var writer = MessagePackWriter()
        writer.timestamp(time)
        let head = writer.bytes[0] == 0xC7 ? 3 : 2
        return .ext(type: MessagePackExtension.timestamp, data: Array(writer.bytes[head...]))
    }

    /// Decodes the next value of the reader.
    package init(_ reader: inout MessagePackReader) throws(CoreError) {
        try self.init(&reader, depth: 0)
    }

    /// Decodes bytes that are exactly one value.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(CoreError) {
        var reader = MessagePackReader(bytes)
        try self.init(&reader)
        guard reader.isAtEnd else { throw CoreError(.lengthBeyondPayload, at: reader.position) }
    }

    private init(_ reader: inout MessagePackReader, depth: Int) throws(CoreError) {
        let start = reader.position
        switch try reader.token() {
        case .nil: self = .nil
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .uint(let value): self = .uint(value)
        case .float(let value): self = .float(value)
        case .double(let value): self = .double(value)
        case .string(let text): self = .string(Array(text))
        case .binary(let data): self = .binary(Array(data))
        case .ext(let type, let data): self = .ext(type: type, data: Array(data))
        case .array(let count):
            guard depth < MessagePackReader.maximumDepth else { throw CoreError(.tooDeep, at: start) }
            var elements: [MessagePackValue] = []
            for _ in 0..<count { elements.append(try MessagePackValue(&reader, depth: depth + 1)) }
            self = .array(elements)
        case .map(let count):
            guard depth < MessagePackReader.maximumDepth else { throw CoreError(.tooDeep, at: start) }
            var pairs: [Pair] = []
            for _ in 0..<count {
                let key = try MessagePackValue(&reader, depth: depth + 1)
                pairs.append(Pair(key, try MessagePackValue(&reader, depth: depth + 1)))
            }
            self = .map(pairs)
        }
    }

    /// Each value in its smallest form.
    package func encoded() -> [UInt8] {
        var writer = MessagePackWriter()
        write(to: &writer)
        return writer.bytes
    }

    package func write(to writer: inout MessagePackWriter) {
        switch self {
        case .nil: writer.nil()
        case .bool(let value): writer.bool(value)
        case .int(let value): writer.int(value)
        case .uint(let value): writer.int(value)
        case .float(let value): writer.float(value)
        case .double(let value): writer.double(value)
        case .string(let text): writer.string(utf8: text)
        case .binary(let data): writer.binary(data)
        case .ext(let type, let data): writer.ext(type: type, data)
        case .array(let elements):
            writer.array(elements.count)
            for element in elements { element.write(to: &writer) }
        case .map(let pairs):
            writer.map(pairs.count)
            for pair in pairs {
                pair.key.write(to: &writer)
                pair.value.write(to: &writer)
            }
        }
    }
}
