/// Writes JSON text without white space, like the serializer of real nodes (Newtonsoft.Json).
package struct JSONWriter: Sendable {
    /// The text so far, UTF-8.
    package private(set) var bytes: [UInt8] = []

    private let escapesLineEnds: Bool

    /// - Parameter escapingLineEnds: escape Unicode line ends, as the real serializer does; false for text of our own.
    package init(escapingLineEnds: Bool = true) {
        escapesLineEnds = escapingLineEnds
    }

    /// JSON text, unchanged.
    package mutating func raw(_ json: String) {
        bytes.append(contentsOf: json.utf8)
    }

    /// JSON text, unchanged.
    package mutating func raw(_ json: some Collection<UInt8>) {
        bytes.append(contentsOf: json)
    }

    /// The comma before an element or a member, unless it is the first.
    package mutating func element() {
        switch bytes.last {
        // No value ends with one of these characters, not even a string.
        case nil, UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ":"), UInt8(ascii: ","): break
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    /// The name of a member, preceded by a comma if necessary; its value must follow.
    package mutating func member(_ name: String) {
        element()
        string(name)
        bytes.append(UInt8(ascii: ":"))
    }

    /// A member whose value is a string; nothing for nil.
    package mutating func member(_ name: String, _ text: String?) {
        guard let text else { return }
        member(name)
        string(text)
    }

    /// A member whose value is a whole number; nothing for nil.
    package mutating func member(_ name: String, _ number: (some BinaryInteger)?) {
        guard let number else { return }
        member(name)
        raw("\(number)")
    }

    /// A string, escaped like the real serializer does: quotation marks, backslashes, control characters and the three
    /// Unicode line ends, which break JSON text interpreted as JavaScript.
    package mutating func string(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var pieces = JSONEscaping(UnsafeRawBufferPointer(utf8))
            while let piece = pieces.next() {
                if escapesLineEnds { raw(escapingLineEnds: piece.plain) } else { raw(piece.plain) }
                if let escape = piece.escape { bytes.append(contentsOf: escape) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// JSON text, unchanged except for Unicode line ends, which can only be inside a string.
    package mutating func raw(escapingLineEnds text: UnsafeRawBufferPointer) {
        // U+0085, U+2028 and U+2029 are bytes C2 85 and E2 80 A8 or A9.
        var rest = text[...]
        while let lead = rest.firstIndex(where: { $0 == 0xC2 || $0 == 0xE2 }) {
            let escape: StaticString? =
                if rest[lead...].starts(with: [0xC2, 0x85]) {
                    #"\u0085"#
                } else if rest[lead...].starts(with: [0xE2, 0x80, 0xA8]) {
                    #"\u2028"#
                } else if rest[lead...].starts(with: [0xE2, 0x80, 0xA9]) {
                    #"\u2029"#
                } else {
                    nil
                }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[..<lead]))
            if let escape {
                bytes.append(contentsOf: UnsafeBufferPointer(start: escape.utf8Start, count: escape.utf8CodeUnitCount))
                rest = rest[lead...].dropFirst(rest[lead] == 0xC2 ? 2 : 3)
            } else {
                bytes.append(rest[lead])
                rest = rest[(lead + 1)...]
            }
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest))
    }
}

/// Splits UTF-8 text into plain parts and escapes for a JSON string: the only table of escapes.
struct JSONEscaping {
    private let text: UnsafeRawBufferPointer
    private var position = 0
    private var isOver = false

    /// `text` must outlive the pieces.
    init(_ text: UnsafeRawBufferPointer) {
        self.text = text
    }

    /// Plain text and the escape after it; the last piece has no escape.
    mutating func next() -> (plain: UnsafeRawBufferPointer, escape: UnsafeRawBufferPointer?)? {
        guard !isOver else { return nil }
        let end = JSONString.endOfPlainText(in: text, from: position)
        let plain = UnsafeRawBufferPointer(rebasing: text[position..<end])
        guard end < text.count else {
            isOver = true
            return (plain, nil)
        }
        position = end + 1
        let escape = Self.escape(of: text[end])
        return (plain, UnsafeRawBufferPointer(start: escape.utf8Start, count: escape.utf8CodeUnitCount))
    }

    /// - Parameter byte: a quotation mark, a backslash or a control character.
    private static func escape(of byte: UInt8) -> StaticString {
        switch byte {
        case UInt8(ascii: "\""): #"\""#
        case UInt8(ascii: "\\"): #"\\"#
        case 0x08: #"\b"#
        case 0x09: #"\t"#
        case 0x0A: #"\n"#
        case 0x0C: #"\f"#
        case 0x0D: #"\r"#
        default: controls[Int(byte) & 0x1F]
        }
    }

    private static let controls: [StaticString] = [
        #"\u0000"#, #"\u0001"#, #"\u0002"#, #"\u0003"#, #"\u0004"#, #"\u0005"#, #"\u0006"#, #"\u0007"#,
        #"\u0008"#, #"\u0009"#, #"\u000a"#, #"\u000b"#, #"\u000c"#, #"\u000d"#, #"\u000e"#, #"\u000f"#,
        #"\u0010"#, #"\u0011"#, #"\u0012"#, #"\u0013"#, #"\u0014"#, #"\u0015"#, #"\u0016"#, #"\u0017"#,
        #"\u0018"#, #"\u0019"#, #"\u001a"#, #"\u001b"#, #"\u001c"#, #"\u001d"#, #"\u001e"#, #"\u001f"#,
    ]
}

/// Writes JSON text to preallocated memory, so that nothing grows or moves. Overflow traps.
///
/// Inlined where the size of a part is known: copying then takes a few instructions.
extension OutputSpan<UInt8> {
    /// - Precondition: there is room for all of them.
    @inlinable @inline(__always)
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= freeCapacity)
        guard bytes.count > 0 else { return }
        withUnsafeMutableBufferPointer { buffer, count in
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                .copyMemory(from: bytes)
            count += bytes.count
        }
    }

    /// - Precondition: there is room for all of it.
    @inlinable @inline(__always)
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// At most 20 bytes.
    package mutating func append(decimal number: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while number >= bound {
            digits += 1
            let (next, isTooLarge) = bound.multipliedReportingOverflow(by: 10)
            if isTooLarge { break }
            bound = next
        }
        precondition(digits <= freeCapacity)
        withUnsafeMutableBufferPointer { buffer, count in
            var rest = number
            for index in stride(from: count + digits - 1, through: count, by: -1) {
                buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            count += digits
        }
    }

    /// A JSON string of at most ``jsonStringLimit(_:)`` bytes. Unicode line ends are not escaped.
    ///
    /// - Parameter text: valid UTF-8.
    package mutating func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var pieces = JSONEscaping(text)
        while let piece = pieces.next() {
            append(piece.plain)
            if let escape = piece.escape { append(escape) }
        }
        append(UInt8(ascii: "\""))
    }

    /// Each byte may become `\u0000`; plus the quotation marks.
    @inlinable package static func jsonStringLimit(_ count: Int) -> Int { 6 * count + 2 }
}
