/// How long the archive waits after a failure: a second, then twice as long each time, up to a minute.
struct ArchiveBackoff {
    static let first = Duration.seconds(1)
    static let last = Duration.seconds(60)

    private(set) var wait: Duration?

    /// - Returns: how long to wait now.
    mutating func failed() -> Duration {
        let next = wait.map { min($0 * 2, Self.last) } ?? Self.first
        wait = next
        return next
    }

    mutating func succeeded() {
        wait = nil
    }
}
