import Backplane

/// Determines when to report nodes of a hub that do not answer: at the first timeout, and at the recovery. Decision
/// logic without I/O.
struct PingHealth: Sendable {
    enum News: Equatable {
        case stopped
        case recovered
    }

    private var silent: Set<CoreHub> = []

    /// Processes the outcomes of a round for one hub. A round without answers and timeouts changes nothing.
    mutating func round(_ hub: CoreHub, answered: Int, timedOut: Int) -> News? {
        if timedOut > 0 { return silent.insert(hub).inserted ? .stopped : nil }
        return answered > 0 && silent.remove(hub) != nil ? .recovered : nil
    }
}
