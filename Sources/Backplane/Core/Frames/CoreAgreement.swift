import JSON

/// Whether the JSON and MessagePack frames of an envelope have the same content.
package enum CoreAgreement: Equatable, Sendable {
    case same
    case different(Part)
    /// Everything comparable is equal; the first part that is not comparable, and why.
    case incomparable(Part, Reason)

    /// The part of the two messages that differs, or that is not comparable.
    package enum Part: Equatable, Sendable {
        /// Type, invocation id or error.
        case message
        case target
        /// The number of arguments.
        case argumentCount
        /// An argument, by index.
        case argument(Int)
        case streamIDs
        case headers
        case result
    }

    /// Why two representations cannot be compared.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// Member names differ between the protocols, and MessagePack may omit them.
        case object
        /// Base64 in JSON.
        case bytes
        /// A text in JSON, a timestamp in MessagePack.
        case date
        /// The types differ, as for enums, decimals and time spans.
        case type
        /// An extension value specific to the application.
        case ext
        /// Compressed by LZ4 in MessagePack.
        case compressed

        /// Stable snake_case name.
        package var label: String {
            switch self {
            case .object: "object"
            case .bytes: "bytes"
            case .date: "date"
            case .type: "type"
            case .ext: "ext"
            case .compressed: "compressed"
            }
        }
    }

    /// - Parameters: the first message of each frame.
    package init(_ json: CoreHubMessage, _ messagePack: CoreHubMessage) {
        guard json.typeNumber == messagePack.typeNumber, Self.equal(json.invocationID, messagePack.invocationID),
            Self.equal(json.error, messagePack.error)
        else {
            self = .different(.message)
            return
        }
        guard Self.equal(json.target, messagePack.target) else {
            self = .different(.target)
            return
        }
        guard json.streamIDTexts == messagePack.streamIDTexts else {
            self = .different(.streamIDs)
            return
        }
        guard Self.sorted(json.headerTexts) == Self.sorted(messagePack.headerTexts) else {
            self = .different(.headers)
            return
        }
        guard json.arguments?.count == messagePack.arguments?.count else {
            self = .different(.argumentCount)
            return
        }
        if let first = json.arguments, let second = messagePack.arguments {
            self = Self.arguments(first, second)
        } else {
            self = Self.results(json, messagePack)
        }
    }

    private static func arguments(_ json: CoreElements, _ messagePack: CoreElements) -> CoreAgreement {
        var open: CoreAgreement?
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: json.payload[json.range]))
        var reader = MessagePackReader(messagePack.payload, in: messagePack.range)
        // Both were validated before and have the same count.
        guard scanner.consume(UInt8(ascii: "[")), let count = try? reader.arrayCount() else {
            return .different(.argumentCount)
        }
        for index in 0..<count {
            switch CoreComparison.compare(&scanner, &reader) {
            case .same: break
            case .different: return .different(.argument(index))
            case .incomparable(let reason): open = open ?? .incomparable(.argument(index), reason)
            }
            _ = scanner.consume(UInt8(ascii: ","))
        }
        return open ?? .same
    }

    private static func results(_ json: CoreHubMessage, _ messagePack: CoreHubMessage) -> CoreAgreement {
        guard let first = json.value, let second = messagePack.value else {
            return (json.value == nil) == (messagePack.value == nil) ? .same : .different(.result)
        }
        return switch CoreComparison.compare(json.payload, first, messagePack.payload, second) {
        case .same: .same
        case .different: .different(.result)
        case .incomparable(let reason): .incomparable(.result, reason)
        }
    }

    private static func equal(_ first: CoreText?, _ second: CoreText?) -> Bool {
        guard let first, let second else { return (first == nil) == (second == nil) }
        return first.isSame(as: second)
    }

    private static func sorted(_ headers: [(name: String, value: String)]) -> [[String]] {
        headers.map { [$0.name, $0.value] }.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

extension CoreInvocationView {
    /// Whether the JSON and MessagePack frames have the same content.
    ///
    /// - Returns: nil unless the envelope has both, and neither is empty.
    package func agreement() throws(CoreError) -> CoreAgreement? {
        guard var json = messages(in: .json), var messagePack = messages(in: .messagePack),
            let first = try json.next(), let second = try messagePack.next()
        else { return nil }
        return CoreAgreement(first, second)
    }
}

/// Compares a JSON value with a MessagePack value. Some types cannot be compared: see ``CoreAgreement/Reason``.
private enum CoreComparison {
    enum Verdict: Equatable {
        case same
        case different
        case incomparable(CoreAgreement.Reason)
    }

    /// Both values were validated before: they are well formed, and the JSON is not nested too deeply for a scanner.
    static func compare(
        _ json: UnsafeRawBufferPointer, _ jsonRange: Range<Int>, _ messagePack: UnsafeRawBufferPointer,
        _ messagePackRange: Range<Int>
    ) -> Verdict {
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: json[jsonRange]))
        var reader = MessagePackReader(messagePack, in: messagePackRange)
        return compare(&scanner, &reader)
    }

    /// Consumes both values, unless they differ.
    static func compare(_ scanner: inout JSONScanner, _ reader: inout MessagePackReader) -> Verdict {
        if reader.isCompressed {
            return skip(&scanner, &reader) ? .incomparable(.compressed) : .different
        }
        let value = reader
        guard let token = try? reader.token() else { return .different }
        switch (scanner.peek(), token) {
        case (UInt8(ascii: "n"), .nil): return scanner.consume(literal: "null") ? .same : .different
        case (UInt8(ascii: "n"), _), (_, .nil): return .different
        case (UInt8(ascii: "t"), .bool(let flag)):
            return scanner.consume(literal: "true") && flag ? .same : .different
        case (UInt8(ascii: "f"), .bool(let flag)):
            return scanner.consume(literal: "false") && !flag ? .same : .different
        case (UInt8(ascii: "t"), .ext), (UInt8(ascii: "f"), .ext): break
        case (UInt8(ascii: "t"), _), (UInt8(ascii: "f"), _), (_, .bool): return .different
        case (UInt8(ascii: "\""), .string(let text)):
            guard let string = scanner.string() else { return .different }
            return CoreText(string).isSame(as: CoreText(text)) ? .same : .different
        case (UInt8(ascii: "["), .array(let count)): return elements(&scanner, &reader, count)
        case (let first, .int), (let first, .uint), (let first, .float), (let first, .double):
            guard isNumber(first) else { break }
            guard let number = scanner.number() else { return .different }
            return equal(number, token) ? .same : .different
        default: break
        }
        let reason = reason(scanner.peek(), token)
        reader = value
        return skip(&scanner, &reader) ? .incomparable(reason) : .different
    }

    private static func elements(
        _ scanner: inout JSONScanner, _ reader: inout MessagePackReader, _ count: Int
    ) -> Verdict {
        var open: Verdict?
        var seen = 0
        _ = scanner.consume(UInt8(ascii: "["))
        if !scanner.consume(UInt8(ascii: "]")) {
            repeat {
                seen += 1
                guard seen <= count else { return .different }
                switch compare(&scanner, &reader) {
                case .same: break
                case .different: return .different
                case let verdict: open = open ?? verdict
                }
            } while scanner.consume(UInt8(ascii: ","))
            guard scanner.consume(UInt8(ascii: "]")) else { return .different }
        }
        return seen == count ? open ?? .same : .different
    }

    private static func reason(_ first: UInt8?, _ token: MessagePackToken) -> CoreAgreement.Reason {
        switch token {
        case .ext(type: MessagePackExtension.timestamp, data: _): .date
        case .ext: .ext
        case .binary: .bytes
        case .map: .object
        case .array where first == UInt8(ascii: "{"): .object
        default: .type
        }
    }

    private static func equal(_ text: UnsafeRawBufferPointer, _ token: MessagePackToken) -> Bool {
        switch (CoreJSONNumber(text), token) {
        case (.int(let first), .int(let second)): first == second
        case (.uint(let first), .uint(let second)): first == second
        case (.int, .uint), (.uint, .int): false
        // Written with the digits needed for a float, which differ from those of the same double.
        case (_, .float(let second)): Float(String(decoding: text, as: UTF8.self)) == second
        case (.int(let first), .double(let second)): Double(first) == second
        case (.uint(let first), .double(let second)): Double(first) == second
        case (.double(let first), .double(let second)), (.inexact(let first), .double(let second)): first == second
        case (.double(let first), .int(let second)), (.inexact(let first), .int(let second)):
            Int64(exactly: first) == second
        case (.double(let first), .uint(let second)), (.inexact(let first), .uint(let second)):
            UInt64(exactly: first) == second
        default: false
        }
    }

    private static func isNumber(_ first: UInt8?) -> Bool {
        guard let first else { return false }
        return first == UInt8(ascii: "-") || first &- UInt8(ascii: "0") < 10
    }

    private static func skip(_ scanner: inout JSONScanner, _ reader: inout MessagePackReader) -> Bool {
        scanner.skipValue() && (try? reader.skipValue()) != nil
    }
}
