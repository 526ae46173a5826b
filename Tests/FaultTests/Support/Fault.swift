import TestSupport

/// The faults of a random run; most last for a while.
enum Fault: String, Sendable, CaseIterable {
    case clientKill
    /// The nodes lose their connections, so that some outcomes stay unknown.
    case nodesKilled
    case redisRestart
    case redisFrozen
    case debugSleep
    case flushAll
    case outputBufferLimit
    case counterMoved
    case withoutID
    case malformed
    case diskFull
    case writeError
    case shortWrite
    case syncError
    case readOnlyDirectory
    case clockStep
    case relayPaused
    case relayStopped
    case relayKilled

    var needsFailingWrites: Bool { [.writeError, .shortWrite, .syncError].contains(self) }
    var needsProxy: Bool { self == .malformed }
}

/// A fault and its start, from the start of the run.
struct PlannedFault: Sendable, CustomStringConvertible {
    let fault: Fault
    let at: Duration
    let holds: Duration

    var description: String {
        func seconds(_ duration: Duration) -> String {
            let tenths = Int(duration / .milliseconds(100))
            return "\(tenths / 10).\(tenths % 10)"
        }
        return "\(fault.rawValue)@\(seconds(at))+\(seconds(holds))s"
    }
}

/// The plan of a run, derived from a seed.
struct FaultPlan: Sendable {
    let seed: UInt64
    /// Whether Redis persists every INCR.
    let isPersistent: Bool
    let faults: [PlannedFault]

    init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: seed)
        isPersistent = Bool.random(using: &random)
        faults = (0..<Int.random(in: 3...6, using: &random)).map { _ in
            PlannedFault(
                fault: Fault.allCases[Int.random(in: 0..<Fault.allCases.count, using: &random)],
                at: .milliseconds(Int.random(in: 0...4_000, using: &random)),
                holds: .milliseconds(Int.random(in: 50...1_500, using: &random)))
        }.sorted { $0.at < $1.at }
    }

    /// One fault, and the relay stopped at a random time during it.
    init(seed: UInt64, _ fault: Fault, endingRelayBy end: Fault) {
        self.seed = seed
        var random = SplitMix64(seed: seed)
        isPersistent = Bool.random(using: &random)
        let begins = Int.random(in: 200...1_200, using: &random)
        var holds = Int.random(in: 20...600, using: &random)
        // A counter that began again and has just reached the last recorded id cannot be told from one that went on:
        // the relay is back when Redis is.
        if fault == .redisRestart, !isPersistent { holds = max(20, min(holds, 1_200 - begins)) }
        faults = [
            PlannedFault(fault: fault, at: .milliseconds(200), holds: .milliseconds(1_000)),
            PlannedFault(fault: end, at: .milliseconds(begins), holds: .milliseconds(holds)),
        ]
    }
}
