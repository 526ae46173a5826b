/// Detects a dead peer on a connection that may be quiet: sends a PING after an interval without a byte, gives up after
/// another one without a reply. A busy connection is never pinged.
struct LivenessMonitor {
    enum Action: Equatable {
        case none
        case sendPing
        case giveUp
    }

    private var heardSinceTick: Bool
    private var pingIsOut = false

    /// - Parameter hasHeard: whether bytes arrived in the current interval.
    init(hasHeard: Bool = false) {
        heardSinceTick = hasHeard
    }

    /// Bytes arrived.
    mutating func heard() {
        heardSinceTick = true
    }

    /// One interval has passed.
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
