/// Commands that wait for the owner of a connection to acknowledge them.
struct PendingAcknowledgements {
    private var waiting: [String: CheckedContinuation<Bool, Never>] = [:]

    mutating func add(_ commandID: String, _ continuation: CheckedContinuation<Bool, Never>) {
        waiting[commandID] = continuation
    }

    /// - Parameter acknowledged: false if the time is over. The first call for a command counts.
    mutating func resolve(_ commandID: String, acknowledged: Bool) {
        waiting.removeValue(forKey: commandID)?.resume(returning: acknowledged)
    }

    mutating func giveUpAll() {
        for continuation in waiting.values { continuation.resume(returning: false) }
        waiting = [:]
    }
}
