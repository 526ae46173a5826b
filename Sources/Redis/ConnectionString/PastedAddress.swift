/// Removes what was pasted around an address: spaces and line ends, quotes, the key of a configuration file or a shell
/// variable.
enum PastedAddress {
    private static let quotes: Set<Character> = ["\"", "'", "`", "\u{201C}", "\u{201D}"]

    static func unwrapped(_ text: String) -> String {
        var text = text.trimmingSpaces()
        // Wrappers may be nested: export NAME="...", "Name": "...",
        for _ in 0..<3 {
            let before = text
            text = withoutQuotes(withoutName(text))
            if text == before { break }
        }
        // The end of a line of code; after a value it may be the end of a password.
        let last = text.split(separator: ",", omittingEmptySubsequences: false).last ?? ""
        return last.hasSuffix(";") && !last.contains("=") ? String(text.dropLast()) : text
    }

    /// `ConnectionStrings__Redis=`, `"ConnectionStrings:Redis": `, `export BACKPLANE_RELAY_REDIS=`, `--redis=`.
    private static func withoutName(_ text: String) -> String {
        var rest = text[...]
        for word in ["export ", "set ", "$env:", "--"] where rest.lowercased().hasPrefix(word) {
            rest = rest.dropFirst(word.count)
        }
        let quote = rest.first.flatMap { quotes.contains($0) ? $0 : nil }
        if quote != nil { rest = rest.dropFirst() }
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_:.-".contains($0)) }
        rest = rest[name.endIndex...]
        if let quote {
            guard rest.first == quote else { return text }
            rest = rest.dropFirst()
        }
        rest = rest.drop { $0.isWhitespace }
        guard let sign = rest.first, sign == "=" || (sign == ":" && quote != nil), isName(name) else { return text }
        return rest.dropFirst().trimmingSpaces()
    }

    /// Not the name of an option: only a key for the whole address.
    private static func isName(_ name: Substring) -> Bool {
        let lowercased = name.lowercased()
        guard case .unknown = OptionName(name) else { return false }
        return lowercased.hasPrefix("connectionstring") || lowercased == "redis" || lowercased == "configuration"
            || lowercased.hasSuffix("redis") || lowercased.hasSuffix("connection") || lowercased.hasSuffix("redis_url")
            || lowercased.hasSuffix("connectionstring") || lowercased.hasSuffix("connection_string")
    }

    private static func withoutQuotes(_ text: String) -> String {
        guard let first = text.first, quotes.contains(first) else { return text }
        // A line of a JSON or C# file has more than the quote at its end.
        var end = text.endIndex
        while end > text.startIndex, ",;".contains(text[text.index(before: end)]) { end = text.index(before: end) }
        let body = text[..<end]
        guard body.count >= 2, let last = body.last, quotes.contains(last) else { return text }
        return body.dropFirst().dropLast().trimmingSpaces()
    }
}
