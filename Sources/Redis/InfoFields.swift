/// The `name:value` lines of an answer to `INFO` or, divided by spaces and `=`, of `CLIENT LIST`.
package struct InfoFields {
    private var fields: [Substring: Substring] = [:]

    /// - Parameter text: the answer to `INFO`.
    package init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) { add(line, divider: ":") }
    }

    /// - Parameter client: one line of `CLIENT LIST`.
    package init(client: String) {
        for word in client.split(whereSeparator: \.isWhitespace) { add(word, divider: "=") }
    }

    private mutating func add(_ text: Substring, divider: Character) {
        guard let middle = text.firstIndex(of: divider) else { return }
        fields[text[..<middle]] = text[text.index(after: middle)...]
    }

    package subscript(name: String) -> String? { fields[name[...]].map(String.init) }
}
