/// A random identifier as .NET writes it: 8-4-4-4-12 lower-case hexadecimal digits.
enum GUID {
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = hex(high) + hex(low)
        var text = ""
        var rest = digits[...]
        for length in [8, 4, 4, 4, 12] {
            if !text.isEmpty { text += "-" }
            text += rest.prefix(length)
            rest = rest.dropFirst(length)
        }
        return text
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
