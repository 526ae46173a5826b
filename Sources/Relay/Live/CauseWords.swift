/// Says the word that an event has for its cause or reason as people do.
enum CauseWords {
    private static let texts = [
        "closed_by_server": "Redis closed it",
        "connection_lost": "the connection was lost",
        "counter_inconsistent": "the counter is below ids that were received",
        "counter_missing": "the counter key does not exist",
        "counter_not_a_number": "the counter key holds no number",
        "counter_not_permitted": "Redis does not permit GET of the event key",
        "disk_low": "the disk was low",
        "buffer_full": "the intake was full",
        "dropped": "our intake was full",
        "foreign_publish": "the counter moved without a publish",
        "io_error": "network error",
        "no_answer": "Redis does not answer",
        "not_recording": "the relay was not running",
        "output_buffer_limit": "Redis' output buffer was full",
        "redis_away": "Redis did not answer",
        "redis_restart": "Redis was restarted",
        "stopped": "they had not arrived when the relay stopped",
        "too_large": "an envelope was larger than the buffer",
        "write_error": "the capture could not be written",
    ]

    /// Any other word stays, without its underscores.
    static func text(_ label: String) -> String { texts[label] ?? label.replacing("_", with: " ") }
}
