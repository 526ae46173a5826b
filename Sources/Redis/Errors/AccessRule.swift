/// Which ACL rule a `NOPERM` asks for.
enum AccessRule {
    /// - Parameter names: channels or keys that the command named.
    /// - Returns: `+subscribe`, `&chat` or `~chat`; nil if the reply does not tell.
    static func missing(reply: String, command: String, names: [String]) -> String? {
        let words = reply.lowercased()
        // A command of an older server: "... to run the 'subscribe' command or its subcommand".
        if words.contains("command"), !words.contains("access") {
            return "+" + (quoted(in: reply) ?? command).lowercased().replacing(" ", with: "|")
        }
        let sigil = words.contains("channel") ? "&" : words.contains("key") ? "~" : nil
        guard let sigil, !names.isEmpty else { return nil }
        return names.map { sigil + $0 }.joined(separator: " ")
    }

    /// The command for redis-cli.
    static func command(adding rules: String, to user: String) -> String {
        "ACL SETUSER \(user) \(rules)"
    }

    private static func quoted(in reply: String) -> String? {
        let parts = reply.split(separator: "'", omittingEmptySubsequences: false)
        return parts.count >= 3 && !parts[1].isEmpty ? String(parts[1]) : nil
    }
}
