/// Output with its figures replaced, so that two runs can be compared.
enum OutputMask {
    /// Rows whose text depends on the machine or the moment: of these only the label is compared.
    private static let free: Set = ["clock", "rate", "holes", "none", "zstd", "carried", "OK"]
    /// Rows that may be missing in either, by how they begin: a PING takes long while other tests use the processors.
    private static let conditional = ["odd", "subscribers", "user", "note", "holes", "warning a PING took"]

    /// One entry for each row of an output.
    static func rows(_ lines: [String]) -> Set<String> {
        Set(lines.filter { !$0.allSatisfy(\.isWhitespace) && $0 != "..." }.map(row))
    }

    static func isConditional(_ row: String) -> Bool { conditional.contains { row == $0 || row.hasPrefix($0 + " ") } }

    private static func row(_ line: String) -> String {
        let label = String(line.prefix { $0 != " " })
        return free.contains(label) ? label : masked(line)
    }

    /// Numbers become `#`, run ids, connection ids and times too; a unit after a number becomes `unit`, blanks become one.
    static func masked(_ line: String) -> String {
        line.replacing(/\b[0-9a-f]{40}\b/, with: "#").replacing(#/ [\w-]{22} /#, with: " # ")
            .replacing(/[0-9][0-9,]*(?:\.[0-9]+)*/, with: "#")
            .replacing(/# (?:B|KiB|MiB|GiB|KB|MB|GB|ns|us|ms|s)\b/, with: "# unit")
            .replacing(#/ +/#, with: " ")
    }
}
