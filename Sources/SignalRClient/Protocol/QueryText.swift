/// Names and values of a query or a form body: `a=1&b=%2B`.
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

    /// Percent-encodes all but unreserved characters: tokens contain `+` and `/`, which servers interpret differently.
    private static func escaped(_ text: String) -> String {
        var utf8: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                utf8.append(byte)
            default:
                utf8 += "%\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16, uppercase: true))".utf8
            }
        }
        return String(decoding: utf8, as: UTF8.self)
    }
}
