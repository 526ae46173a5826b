/// Causes, numbers and names in words.
enum Words {
    /// By the cause or reason in an event.
    private static let causes = [
        "backlog_lost": "the replication backlog of Redis no longer had it",
        "closed_by_server": "Redis closed it",
        "connection_lost": "the connection was lost",
        "counter_inconsistent": "the counter is below ids that were received",
        "counter_missing": "the counter key does not exist",
        "counter_not_a_number": "the counter key does not hold a number",
        "counter_not_permitted": "Redis does not permit GET of the event key",
        "disk_low": "disk space was low",
        "buffer_full": "the intake was full",
        "dropped": "our intake was full",
        "foreign_publish": "the counter moved without a publish",
        "io_error": "network error",
        "no_answer": "Redis does not answer",
        "not_recording": "the relay was not running",
        "output_buffer_limit": "Redis' output buffer was full",
        "redis_away": "Redis did not answer",
        "redis_restart": "Redis was restarted",
        "replica_resync": "the replica did a full sync from its master",
        "stopped": "they had not arrived when the relay stopped",
        "too_large": "an envelope was larger than the buffer",
        "write_error": "the capture could not be written",
    ]

    /// Unknown words are shown without underscores.
    static func cause(_ label: String) -> String { causes[label] ?? label.replacing("_", with: " ") }

    static func mebibytes(_ bytes: Int) -> String {
        let tenths = (bytes * 10) >> 20
        return "\(tenths / 10).\(tenths % 10) MiB"
    }

    /// Text from outside must not look like a placeholder for a time.
    static func withoutBraces(_ text: String) -> String {
        String(text.map { $0 == "{" || $0 == "}" ? "?" : $0 })
    }

    /// With commas as thousands separators.
    static func count(_ number: UInt64) -> String {
        let digits = Array("\(number)")
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    static func rate(_ rate: Double) -> String {
        guard rate > 0 else { return "0" }
        if rate < 0.1 { return "less than 0.1" }
        if rate < 10 {
            let tenths = Int((rate * 10).rounded())
            return tenths.isMultiple(of: 10) ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
        }
        return count(UInt64(rate.rounded()))
    }

    static func duration(_ seconds: Double) -> String {
        let milliseconds = seconds * 1_000
        if milliseconds < 1 { return "below 1 ms" }
        if milliseconds < 1_000 { return "\(Int(milliseconds.rounded())) ms" }
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }

    static func envelopes(_ number: Int) -> String {
        number == 1 ? "1 envelope" : "\(count(UInt64(max(0, number)))) envelopes"
    }

    static func payloads(_ number: Int) -> String {
        number == 1 ? "1 payload" : "\(count(UInt64(max(0, number)))) payloads"
    }

    static func commands(_ number: Int) -> String {
        number == 1 ? "1 group command" : "\(count(UInt64(max(0, number)))) group commands"
    }

    static func ids(_ number: Int) -> String {
        number == 1 ? "1 id" : "\(count(UInt64(max(0, number)))) ids"
    }
}
