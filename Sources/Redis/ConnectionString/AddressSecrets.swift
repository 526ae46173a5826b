/// Where a secret may stand in an address, for what hides it where it must not be seen.
package enum AddressSecrets {
    /// The login of a URL, and everything behind `password=` or another word for it: a password may hold a comma, and then
    /// nothing tells where it ends.
    ///
    /// - Parameter text: an address, or a command-line argument that may hold one.
    package static func ranges(in text: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        if let login = login(in: text) { ranges.append(login) }
        for (equals, sign) in text.enumerated() where sign == UInt8(ascii: "=") && equals + 1 < text.count {
            if OptionName(name(before: equals, in: text)).isSecret {
                ranges.append(equals + 1..<text.count)
                break
            }
        }
        return ranges
    }

    private static let dividers = Set(",;?&=\"' \t\r\n".utf8)

    private static func name(before equals: Int, in text: [UInt8]) -> String {
        var end = equals
        while end > 0, text[end - 1] <= 0x20 { end -= 1 }
        var start = end
        while start > 0, !dividers.contains(text[start - 1]) { start -= 1 }
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    /// Behind the user's colon; the whole of it where there is none, as it may be a password that stands alone.
    private static func login(in text: [UInt8]) -> Range<Int>? {
        guard let scheme = text.indices.first(where: { text[$0...].starts(with: "://".utf8) }),
            let at = text.lastIndex(of: UInt8(ascii: "@")), at > scheme + 3
        else { return nil }
        let colon = text[(scheme + 3)..<at].firstIndex(of: UInt8(ascii: ":"))
        return (colon.map { $0 + 1 } ?? scheme + 3)..<at
    }
}
