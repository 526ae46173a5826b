import Time

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
        /// Any value, not only a text.
        package var key: MessagePackValue
        /// The value of the key.
        package var value: MessagePackValue

        /// A pair of any two values.
        package init(_ key: MessagePackValue, _ value: MessagePackValue) {
            self.key = key
            self.value = value
        }
    }

    /// A text in UTF-8.
    package static func string(_ text: String) -> MessagePackValue { .string(Array(text.utf8)) }

    /// A time, as the extension of type -1.
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

    /// Appends the value in its smallest form.
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

/// A MessagePack value in place, or the head of a value with elements. Valid as long as the bytes it was read from.
package enum MessagePackToken {
    case `nil`
    case bool(Bool)
    /// Any integer that fits, whatever its width on the wire.
    case int(Int64)
    /// An integer above `Int64.max`.
    case uint(UInt64)
    case float(Float)
    case double(Double)
    /// Expected to be UTF-8, not checked.
    case string(UnsafeRawBufferPointer)
    case binary(UnsafeRawBufferPointer)
    /// The elements follow.
    case array(count: Int)
    /// The number of keys that follow, each with its value.
    case map(count: Int)
    case ext(type: Int8, data: UnsafeRawBufferPointer)
}

/// Extension types that occur in hub messages.
package enum MessagePackExtension {
    /// The type of the extension that holds a time.
    package static let timestamp: Int8 = -1
    /// `Lz4BlockArray` of MessagePack-CSharp: the first element of an array; the others are compressed blocks.
    package static let lz4BlockArray: Int8 = 98
    /// `Lz4Block` of MessagePack-CSharp: a compressed value.
    package static let lz4Block: Int8 = 99
}

/// A time: seconds since 1970, possibly negative, plus nanoseconds.
package struct MessagePackTimestamp: Hashable, Sendable {
    /// Since 1970.
    package let seconds: Int64
    /// 0 to 999,999,999.
    package let nanoseconds: UInt32

    /// - Parameter nanoseconds: 0 to 999,999,999.
    package init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// - Parameter data: of an extension value of type -1, 32, 64 or 96 bits.
    /// - Returns: nil if it is malformed.
    package init?(_ data: UnsafeRawBufferPointer) {
        switch data.count {
        case 4:
            seconds = Int64(UInt32(bigEndian: data.loadUnaligned(as: UInt32.self)))
            nanoseconds = 0
        case 8:
            let word = UInt64(bigEndian: data.loadUnaligned(as: UInt64.self))
            seconds = Int64(word & 0x3_FFFF_FFFF)
            nanoseconds = UInt32(word >> 34)
        case 12:
            nanoseconds = UInt32(bigEndian: data.loadUnaligned(as: UInt32.self))
            seconds = Int64(bigEndian: data.loadUnaligned(fromByteOffset: 4, as: Int64.self))
        default:
            return nil
        }
        guard nanoseconds < 1_000_000_000 else { return nil }
    }

    /// `2024-01-02T03:04:05.12Z`; nil outside the years 1 to 9999.
    package var iso8601: String? {
        guard (-62_135_596_800...253_402_300_799).contains(seconds) else { return nil }
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - days * 86_400
        let date = CivilDate(daysSince1970: Int(days))
        var text =
            Self.padded(Int64(date.year), 4) + "-" + Self.padded(Int64(date.month), 2) + "-"
            + Self.padded(Int64(date.day), 2)
        text += "T" + Self.padded(second / 3_600, 2) + ":" + Self.padded(second / 60 % 60, 2)
        text += ":" + Self.padded(second % 60, 2)
        if nanoseconds > 0 {
            var fraction = Self.padded(Int64(nanoseconds), 9)
            while fraction.last == "0" { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
