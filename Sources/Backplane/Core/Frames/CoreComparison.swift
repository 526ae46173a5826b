import JSON

/// Compares a JSON value with a MessagePack value, as far as they are comparable.
enum CoreComparison {
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
