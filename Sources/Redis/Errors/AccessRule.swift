/// The ACL rule missing according to a `NOPERM`.
package enum AccessRule {
    /// - Parameter names: channels or keys of the command.
    /// - Returns: `+subscribe`, `&chat` or `~chat`; nil if unknown.
    static func missing(reply: String, command: String, names: [String]) -> String? {
        let words = reply.lowercased()
        // From an older server: "... to run the 'subscribe' command or its subcommand".
        if words.contains("command"), !words.contains("access") {
            return "+" + (quoted(in: reply) ?? command).lowercased().replacing(" ", with: "|")
        }
        let sigil = words.contains("channel") ? "&" : words.contains("key") ? "~" : nil
        guard let sigil, !names.isEmpty else { return nil }
        // A rule is a pattern; a requested pattern must be contained literally.
        let escapes = sigil == "&" && command == "SUBSCRIBE"
        return names.map { sigil + (escapes ? escaped($0) : $0) }.joined(separator: " ")
    }

    private static func escaped(_ name: String) -> String {
        name.reduce(into: "") { escaped, character in
            if "*?[]\\".contains(character) { escaped.append("\\") }
            // Rules cannot contain white space.
            escaped.append(character.isWhitespace ? "?" : character)
        }
    }

    /// The command for redis-cli.
    static func command(adding rules: String, to user: String) -> String {
        "ACL SETUSER \(user) \(rules)"
    }

    /// - Returns: such as `+psync +replconf`.
    package static func granting(_ commands: [AskedCommand]) -> String {
        commands.map { "+\($0.rawValue)" }.joined(separator: " ")
    }

    private static func quoted(in reply: String) -> String? {
        let parts = reply.split(separator: "'", omittingEmptySubsequences: false)
        return parts.count >= 3 && !parts[1].isEmpty ? String(parts[1]) : nil
    }
}
