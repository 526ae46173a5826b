/// What a client has received, as it carries it: `s-0,HEX`, the last envelope's id in upper-case hexadecimal.
///
/// Stream 0 is the only one that a Redis backplane has.
enum Cursor {
    private static let prefix = "s-0,"

    static func text(_ id: UInt64) -> String {
        prefix + String(id, radix: 16, uppercase: true)
    }

    /// - Returns: nil for anything else: such a client gets what comes from now on, as at a real node.
    static func parse(_ text: some StringProtocol) -> UInt64? {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = text.dropFirst(prefix.count)
        // UInt64's parser would take a sign.
        guard digits.first?.isHexDigit == true else { return nil }
        return UInt64(digits, radix: 16)
    }
}
