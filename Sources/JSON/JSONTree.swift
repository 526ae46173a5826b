/// Any JSON value, such as an argument or a result of a hub method.
///
/// Equality is that of JSON, not of Swift: strings by code points (Swift considers "e\u{301}" and "\u{E9}" equal),
/// numbers by value (1 is 1.0), objects regardless of the order of members.
package enum JSONTree: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONTree])
    /// In the order of the text: a dictionary does not pay off for the few members of a frame.
    case object([Member])

    /// A name and its value in an object. A name may come twice.
    package struct Member: Sendable {
        /// The decoded name.
        package var name: String
        /// The value of the member.
        package var value: JSONTree

        /// - Parameter name: not escaped.
        package init(_ name: String, _ value: JSONTree) {
            self.name = name
            self.value = value
        }
    }

    /// The value of a member; nil if this is not an object or has no such member. Of duplicate names the last counts.
    package subscript(_ name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// The members of an object, in the order of the text; nil if it is not an object.
    package var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// nil unless it is a string.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// nil unless it is an array.
    package var array: [JSONTree]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// nil unless it is `true` or `false`.
    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// A whole number, also written like `5.0`; nil if it is not one, or does not fit the type.
    package func integer<Integer: FixedWidthInteger>(as type: Integer.Type) -> Integer? {
        guard case .number(let number) = self else { return nil }
        return number.integer()
    }

    /// nil unless it is a whole number of 64 bits.
    package var integer: Int64? { integer(as: Int64.self) }

    /// nil unless it is a number.
    package var number: Double? {
        guard case .number(let number) = self else { return nil }
        return number.double
    }

    /// A whole number.
    package static func integer(_ value: Int64) -> JSONTree { .number(JSONNumber(text: "\(value)")) }

    /// A whole number.
    package static func unsigned(_ value: UInt64) -> JSONTree { .number(JSONNumber(text: "\(value)")) }

    /// Infinities and NaN, which JSON cannot represent, become null.
    package static func double(_ value: Double) -> JSONTree {
        value.isFinite ? .number(JSONNumber(text: "\(value)")) : .null
    }
}

/// A number as written in JSON text, to preserve all digits: ids exceed the range of `Double` and `Int64`.
package struct JSONNumber: Sendable {
    /// Follows the grammar of RFC 8259.
    package let text: String

    /// - Returns: nil if it is not a whole number, or does not fit the type.
    package func integer<Integer: FixedWidthInteger>() -> Integer? {
        Integer(text) ?? (isWhole ? nil : Integer(exactly: double))
    }

    /// Infinite beyond the range of `Double`.
    package var double: Double { Double(text) ?? .nan }

    /// Without a point and an exponent.
    private var isWhole: Bool {
        text.utf8.allSatisfy { $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

// MARK: - Reading

/// Why a text is not JSON (RFC 8259).
package struct JSONParseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes before the fault.
    package let offset: Int

    /// - Parameter offset: bytes before the fault.
    package init(offset: Int) {
        self.offset = offset
    }

    package var description: String { "not JSON at byte \(offset)" }
}

extension JSONTree {
    /// Parses one value with optional white space around it.
    ///
    /// Lone surrogates and malformed UTF-8 become U+FFFD, as in .NET. The text is untrusted: its depth is limited
    /// (``JSONScanner/maximumDepth``), and every other fault is an error.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONParseError) {
        var scanner = JSONScanner(bytes)
        guard let value = Self.value(from: &scanner, depth: 0), scanner.peek() == nil else {
            throw JSONParseError(offset: scanner.position)
        }
        self = value
    }

    /// - Throws: ``JSONParseError`` with the offset of the fault in the text's UTF-8.
    package init(parsing text: String) throws(JSONParseError) {
        var text = text
        let result = text.withUTF8 { utf8 in
            Result { () throws(JSONParseError) in try JSONTree(parsing: UnsafeRawBufferPointer(utf8)) }
        }
        self = try result.get()
    }

    private static func value(from scanner: inout JSONScanner, depth: Int) -> JSONTree? {
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            guard depth < JSONScanner.maximumDepth else { return nil }
            var members: [Member] = []
            let isObject = scanner.object { scanner, name in
                guard let value = value(from: &scanner, depth: depth + 1) else { return false }
                members.append(Member(name.decoded, value))
                return true
            }
            return isObject ? .object(members) : nil
        case UInt8(ascii: "["):
            guard depth < JSONScanner.maximumDepth else { return nil }
            var elements: [JSONTree] = []
            let isArray = scanner.array { scanner in
                guard let value = value(from: &scanner, depth: depth + 1) else { return false }
                elements.append(value)
                return true
            }
            return isArray ? .array(elements) : nil
        case UInt8(ascii: "\""): return scanner.string().map { .string($0.decoded) }
        case UInt8(ascii: "t"): return scanner.consume(literal: "true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return scanner.consume(literal: "false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return scanner.consume(literal: "null") ? .null : nil
        default:
            return scanner.number().map { .number(JSONNumber(text: String(decoding: $0, as: UTF8.self))) }
        }
    }
}

// MARK: - Writing

extension JSONTree: CustomStringConvertible {
    /// JSON text on one line; Unicode line ends are not escaped.
    package var description: String {
        var writer = JSONWriter(escapingLineEnds: false)
        writer.tree(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension JSONWriter {
    /// Any value, with numbers as they were read.
    package mutating func tree(_ tree: JSONTree) {
        switch tree {
        case .null: raw("null")
        case .bool(let value): raw(value ? "true" : "false")
        case .number(let number): raw(number.text)
        case .string(let text): string(text)
        case .array(let elements):
            raw("[")
            for element in elements {
                self.element()
                self.tree(element)
            }
            raw("]")
        case .object(let members):
            raw("{")
            for member in members {
                self.member(member.name)
                self.tree(member.value)
            }
            raw("}")
        }
    }
}

// MARK: - Comparing and literals

extension JSONNumber: Equatable {
    /// By value: 1 is 1.0. Numbers that are not whole, or exceed `Int64`, are compared as `Double`.
    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        switch (left.integer() as Int64?, right.integer() as Int64?) {
        case (let left?, let right?): left == right
        case (nil, nil): left.double == right.double
        default: false
        }
    }
}

extension JSONTree: Equatable {
    /// As JSON defines equality; see ``JSONTree``.
    package static func == (left: JSONTree, right: JSONTree) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.allSatisfy { member in
                    right.contains { $0.name.utf8.elementsEqual(member.name.utf8) && $0.value == member.value }
                }
        default: false
        }
    }
}

extension JSONTree: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// For literals and interpolations.
    package init(stringLiteral value: String) { self = .string(value) }
    /// For integer literals.
    package init(integerLiteral value: Int64) { self = .integer(value) }
    /// For literals with a point or an exponent.
    package init(floatLiteral value: Double) { self = .double(value) }
    /// For `true` and `false`.
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    /// For array literals.
    package init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
    /// For dictionary literals; members stay in their order.
    package init(dictionaryLiteral elements: (String, JSONTree)...) { self = .object(elements.map(Member.init)) }
    /// For `nil`: the JSON value null.
    package init(nilLiteral: ()) { self = .null }
}
