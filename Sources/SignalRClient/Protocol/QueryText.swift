/// Names and values as a query or a form body: `a=1&b=%2B`.
struct QueryText {
    private(set) var text = ""

    init(_ items: [(name: String, value: String)] = []) {
        for item in items { append(item.name, item.value) }
    }

    mutating func append(_ name: String, _ value: String) {
        if !text.isEmpty { text.append("&") }
        text += Self.escaped(name)
        text.append("=")
        text += Self.escaped(value)
    }

    /// All but unreserved characters as %XX: tokens hold `+` and `/`, which servers read in their own ways.
    private static func escaped(_ text: String) -> String {
        var utf8: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                utf8.append(byte)
            default:
                utf8.append(UInt8(ascii: "%"))
                utf8.append(hexDigit(byte >> 4))
                utf8.append(hexDigit(byte & 0xF))
            }
        }
        return String(decoding: utf8, as: UTF8.self)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
