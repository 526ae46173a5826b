/// Finds a dead peer on a connection that may rightly be quiet: after an interval without a byte it asks for a PING,
/// after one more without an answer it gives the connection up. A busy connection is never pinged.
struct LivenessMonitor {
    enum Action: Equatable {
        case none
        case sendPing
        case giveUp
    }

    private var heardSinceTick = false
    private var pingIsOut = false

    /// Bytes arrived.
    mutating func heard() {
        heardSinceTick = true
    }

    /// One interval is over.
    mutating func tick() -> Action {
        defer { heardSinceTick = false }
        if heardSinceTick {
            pingIsOut = false
            return .none
        }
        if pingIsOut { return .giveUp }
        pingIsOut = true
        return .sendPing
    }
}
