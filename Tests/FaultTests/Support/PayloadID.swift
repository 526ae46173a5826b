/// The decimal number before the first space, read apart from our own code.
enum PayloadID {
    static func of(_ payload: some Collection<UInt8>) -> UInt64? {
        let digits = payload.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty, digits.endIndex < payload.endIndex, payload[digits.endIndex] == UInt8(ascii: " ") else {
            return nil
        }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
