/// Decides which connection is closed for a new one when there are too many. Pure.
///
/// The one that has waited longest without a complete request goes first: a real client sends its request long before.
/// Times are nanoseconds of a monotonic clock.
package struct ConnectionTable: Sendable {
    package enum Phase: Int, Sendable {
        /// There is no complete request: nothing or only a part was received, or the previous response has been read.
        case waiting
        /// A complete request was received, and its response is not written yet.
        case answering
    }

    package enum Admission: Equatable, Sendable {
        case admitted(UInt64)
        /// Replaces another one, which must be closed.
        case replacing(UInt64, by: UInt64)
        /// All are in use.
        case refused
    }

    private struct Entry {
        var phase: Phase
        /// Time of the last progress.
        var since: UInt64
        var older: UInt64?
        var newer: UInt64?
    }

    /// Entries of one phase, oldest first.
    private struct Line {
        var oldest: UInt64?
        var newest: UInt64?
    }

    /// Maximum number at the same time.
    private let limit: Int
    /// A response without progress for this long may be replaced too; nil: never.
    private let stall: UInt64?
    private var entries: [UInt64: Entry] = [:]
    private var lines = [Line(), Line()]
    private var next: UInt64 = 0

    package init(limit: Int, stall: UInt64?) {
        precondition(limit > 0)
        self.limit = limit
        self.stall = stall
    }

    package var count: Int { entries.count }

    package mutating func open(at now: UInt64) -> Admission {
        var victim: UInt64?
        if entries.count >= limit {
            victim = giver(at: now)
            guard let victim else { return .refused }
            close(victim)
        }
        defer { next += 1 }
        append(next, .waiting, since: now)
        return victim.map { .replacing($0, by: next) } ?? .admitted(next)
    }

    /// Progress, to this phase or within it.
    package mutating func step(_ id: UInt64, to phase: Phase, at now: UInt64) {
        // It may have been replaced already.
        guard entries[id] != nil else { return }
        close(id)
        append(id, phase, since: now)
    }

    package mutating func close(_ id: UInt64) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        let line = entry.phase.rawValue
        if let older = entry.older { entries[older]?.newer = entry.newer } else { lines[line].oldest = entry.newer }
        if let newer = entry.newer { entries[newer]?.older = entry.older } else { lines[line].newest = entry.older }
    }

    private func giver(at now: UInt64) -> UInt64? {
        if let waiting = lines[Phase.waiting.rawValue].oldest { return waiting }
        guard let stall, let slowest = lines[Phase.answering.rawValue].oldest, let entry = entries[slowest],
            now >= entry.since + stall
        else { return nil }
        return slowest
    }

    private mutating func append(_ id: UInt64, _ phase: Phase, since: UInt64) {
        let newest = lines[phase.rawValue].newest
        entries[id] = Entry(phase: phase, since: since, older: newest)
        if let newest { entries[newest]?.newer = id } else { lines[phase.rawValue].oldest = id }
        lines[phase.rawValue].newest = id
    }
}
