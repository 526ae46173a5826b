/// Parses whole numbers by .NET's `NumberStyles.Integer` in the invariant culture: surrounding white space, a sign,
/// digits.
package enum DotNetInteger {
    /// As `int.Parse` reads it; nil where that throws.
    package static func int32(_ text: String) -> Int32? {
        int64(text).flatMap { Int32(exactly: $0) }
    }

    /// As `long.Parse` reads it; nil where that throws.
    package static func int64(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard let start = bytes.firstIndex(where: { !isWhite($0) }) else { return nil }
        var rest = bytes[start...]
        while let last = rest.last, last == 0 { rest.removeLast() }
        while let last = rest.last, isWhite(last) { rest.removeLast() }
        let digits = rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") ? rest.dropFirst() : rest
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(String(decoding: rest, as: UTF8.self))
    }

    private static func isWhite(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
