import Backplane

// As Newtonsoft.Json reads them for a parameter of their type: a text that is a number is one, and so on.

extension Int: HubValue {
    public init(json: [UInt8]) throws {
        let text: String
        switch LenientJSON(json) {
        case .number(let digits)?: text = digits
        case .string(let words)?: text = words
        default: throw HubValueError.notAWholeNumber
        }
        guard let value = DotNetInteger.int64(text) else { throw HubValueError.notAWholeNumber }
        self = Int(value)
    }

    public func json() -> [UInt8] { Array("\(self)".utf8) }
}

extension Double: HubValue {
    public init(json: [UInt8]) throws {
        let number: DotNetNumber?
        switch LenientJSON(json) {
        case .number(let digits)?: number = DotNetNumber(digits)
        case .string(let words)?:
            switch words {
            case "NaN": number = .double(.nan)
            case "Infinity": number = .double(.infinity)
            case "-Infinity": number = .double(-.infinity)
            default: number = Self.number(words)
            }
        default: number = nil
        }
        switch number {
        case .integer(let digits): self = Double(digits) ?? .nan
        case .double(let value): self = value
        case nil: throw HubValueError.notANumber
        }
    }

    /// As a real node writes it: a whole number ends in `.0`, what is not finite is a text.
    public func json() -> [UInt8] { Array(DotNetNumber.text(self).utf8) }

    /// White space around, a sign, and commas between digits, as .NET's `Float | AllowThousands`.
    private static func number(_ text: String) -> DotNetNumber? {
        var rest = text.utf8.filter { $0 > 0x20 && $0 != UInt8(ascii: ",") }
        if rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        // No octal numbers in a text.
        while rest.count > 1, rest[0] == UInt8(ascii: "0"), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(rest[1]) {
            rest.removeFirst()
        }
        guard !rest.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }) else { return nil }
        return DotNetNumber(String(decoding: rest, as: UTF8.self))
    }
}

extension Bool: HubValue {
    public init(json: [UInt8]) throws {
        switch LenientJSON(json) {
        case .bool(let value)?: self = value
        case .number(let digits)?:
            switch DotNetNumber(digits) {
            case .integer(let digits): self = digits != "0"
            case .double(let value): self = value != 0
            case nil: throw HubValueError.notATruthValue
            }
        case .string(let words)?:
            switch String(decoding: words.utf8.filter { $0 > 0x20 }, as: UTF8.self).lowercased() {
            case "true": self = true
            case "false": self = false
            default: throw HubValueError.notATruthValue
            }
        default: throw HubValueError.notATruthValue
        }
    }

    public func json() -> [UInt8] { Array((self ? "true" : "false").utf8) }
}
