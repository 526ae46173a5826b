import Backplane

/// Which hubs have nodes that do not answer: the first timeout and the recovery are news. Decision logic without I/O.
struct PingHealth: Sendable {
    enum News: Equatable {
        case stopped
        case recovered
    }

    private var silent: Set<CoreHub> = []

    /// The outcomes of a round for one hub. A round without an answer and without a timeout says nothing.
    mutating func round(_ hub: CoreHub, answered: Int, timedOut: Int) -> News? {
        if timedOut > 0 { return silent.insert(hub).inserted ? .stopped : nil }
        return answered > 0 && silent.remove(hub) != nil ? .recovered : nil
    }
}
