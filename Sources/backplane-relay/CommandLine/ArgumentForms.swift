/// The expected form of a value, for options where the parser only says that it is invalid.
enum ArgumentForms {
    private static let size = "a size above 0, such as 64MiB, 10GB or 4096 (bytes)"
    private static let span = "a time above 0 with its unit, such as 200ms, 20s, 15m, 1h or 7d"
    private static let number = "a whole number, such as 10"

    /// By the option's name.
    private static let forms: [String: String] = [
        "buffer": size, "forward-buffer": size, "segment-size": size, "retain-size": size, "payload-size": size,
        "size": size, "bytes": size,
        "min-free-disk": "a size such as 1GiB, or 0 for no limit",
        "duration": span, "interval": span, "horizon": span, "cap-gap": span, "retain-age": span, "segment-age": span,
        "segment-duration": span, "archive-timeout": span, "store-size": size, "max-envelope": size,
        "seconds": "seconds above 0, such as 5 or 0.5",
        "listen": "an address and its port, such as 127.0.0.1:9464, [::1]:9464 or :9464 (all addresses)",
        "fsync": "never, flush, or a time such as 1s",
        "speed": "a factor above 0 such as 1, 2.5 or 0.5, or max",
        "rate": "envelopes a second above 0, such as 500/s",
        "loop": "a number of rounds such as 3, or forever",
        "protocols": "names with commas: json,messagepack",
        "transport": "all, or names with commas: webSockets,serverSentEvents,longPolling,foreverFrame",
    ]

    /// - Parameter message: the parser's full message.
    /// - Returns: the message with the form added to its first line; unchanged if it is about something else, or
    ///   already contains it.
    static func improved(_ message: String) -> String {
        let start = "Error: The value '"
        guard message.hasPrefix(start) else { return message }
        var lines = message.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        let marker = "' is invalid for '"
        // The last occurrence: a value may contain the same words.
        guard
            let found = lines[0].indices.last(where: { lines[0][$0...].hasPrefix(marker) }),
            lines[0].hasSuffix("'")
        else { return message }
        let option = lines[0][lines[0].index(found, offsetBy: marker.count)...].dropLast()
        let name = option.drop { $0 == "-" }.prefix { $0 != " " }
        lines[0] += "; write \(forms[String(name)] ?? number)"
        return lines.joined(separator: "\n")
    }
}
