/// Finds possible secrets in an address, for hiding them.
package enum AddressSecrets {
    /// The login of a URL, and everything after `password=` or a synonym: a password may contain a comma, and then its
    /// end is unknown.
    ///
    /// - Parameter text: an address, or a command-line argument that may contain one.
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

    /// The part after the user's colon; everything if there is none, because it may be a password.
    private static func login(in text: [UInt8]) -> Range<Int>? {
        guard let scheme = text.indices.first(where: { text[$0...].starts(with: "://".utf8) }),
            let at = text.lastIndex(of: UInt8(ascii: "@")), at > scheme + 3
        else { return nil }
        let colon = text[(scheme + 3)..<at].firstIndex(of: UInt8(ascii: ":"))
        return (colon.map { $0 + 1 } ?? scheme + 3)..<at
    }
}
