/// Decides whether the ids of one channel come from one counter, as expected, or from several in turn.
///
/// Pub/sub ignores databases: two applications with the same event key in two databases of one Redis receive each
/// other's messages, each with its own counter. The ids then jump back and forth between the counters; none is missing.
/// A counter that was set back once, even if a node restores it, does not return to both positions.
///
/// A value without I/O and bounded: it remembers ``maximumCounters`` positions.
package struct CounterTracker: Sendable {
    /// The meaning of an id relative to the previous ones.
    package enum Observation: Equatable, Sendable {
        /// Consistent with a single counter.
        case one(SequenceTracker.Observation)
        /// It continues a counter's position from before a reset, as when a node restores the counter. No id is
        /// missing.
        case restored
        /// It continues a different counter than the previous id. `isNews` if this reveals another counter.
        case turn(isNews: Bool)
    }

    /// Maximum number of counters distinguished on one event key.
    package static let maximumCounters = 8
    /// After this many ids of one counter without a turn, it counts as the only one left.
    static let settledAfter: UInt64 = 1_000
    /// A larger step between turns may come from yet another counter.
    static let reach: UInt64 = 100
    /// Ids must return this often below a gap, because late ids might do so too.
    private static let returnsBelow = 3
    /// Two envelopes must share an id this often: a counter that was set back by one produces one such pair.
    private static let twinsOfSeveral = 2

    /// The position of the last id.
    @usableFromInline
    var current: SequenceTracker
    private var mark = Mark()
    private var others: [Position] = []
    private var positions = 0
    /// Missing ids of dropped positions.
    private var forgotten: UInt64 = 0

    /// The properties of ``Position`` besides the tracker, for the current one.
    private struct Mark {
        var number = 0
        var firstID: UInt64 = 0
        var isCounter = false
        var told: SequenceTracker.Observation?
        /// The id at which it became current.
        var since: UInt64 = 0
    }

    /// Number of known counters; 1 unless they take turns.
    package private(set) var counters = 1
    /// True from the recognition of a second counter until one has been alone for some time.
    package private(set) var isInterleaved = false
    /// Observations that turned out wrong when another counter was found: read them before the next id.
    package private(set) var retracted: [SequenceTracker.Observation] = []
    /// Ids reported as duplicates that another counter also assigned.
    package private(set) var retractedTwins: [UInt64] = []
    /// Ids received twice in a row in different envelopes, since another counter was last known.
    private var twins: [UInt64] = []

    /// - Parameter lastID: the last id from before, so that a gap up to the first one is detected.
    package init(lastID: UInt64? = nil) {
        current = SequenceTracker(lastID: lastID)
        mark.firstID = lastID ?? 0
        mark.since = lastID ?? 0
    }

    /// The id that the next one is compared with.
    package var lastID: UInt64? { current.lastID }

    /// Missing ids that have not arrived late, over all counters.
    package var missing: UInt64 {
        others.reduce(forgotten.addingSaturated(current.missing)) { $0.addingSaturated($1.tracker.missing) }
    }

    /// Whether the id is still missing.
    package func isMissing(_ id: UInt64) -> Bool {
        current.isOpen(id) || others.contains { $0.tracker.isOpen(id) }
    }

    /// Ascending by the last id; empty unless there are several.
    package var heard: [Heard] {
        guard counters > 1 else { return [] }
        var heard = others.filter(\.isCounter).map {
            Heard(number: $0.number, firstID: $0.firstID, lastID: $0.tracker.lastID)
        }
        if mark.isCounter {
            heard.append(Heard(number: mark.number, firstID: mark.firstID, lastID: current.lastID))
        }
        return heard.sorted { $0.ids.upperBound < $1.ids.upperBound }
    }

    private mutating func nextNumber() -> Int {
        positions += 1
        return positions
    }

    /// How often an id looked like a counter reset.
    package private(set) var resets: UInt64 = 0

    /// Ids up to this one were assigned and will not arrive: the next one is compared with it.
    ///
    /// - Returns: the gap; nil if the last id is not below it.
    package mutating func missed(through id: UInt64) -> SequenceTracker.Observation? { current.missed(through: id) }

    /// Observes an id.
    @inlinable
    package mutating func observe(_ id: UInt64) -> Observation {
        if let last = current.last, id > last, id - last == 1 {
            current.last = id
            return .one(.inOrder)
        }
        return observeOutOfOrder(id)
    }

    @usableFromInline
    mutating func observeOutOfOrder(_ id: UInt64) -> Observation {
        if !retracted.isEmpty { retracted.removeAll() }
        if !retractedTwins.isEmpty { retractedTwins.removeAll() }
        guard let last = current.lastID else {
            (mark.firstID, mark.since) = (id, id)
            return .one(current.observe(id))
        }
        // The previous deviation is settled.
        if last >= mark.since, last - mark.since > Self.settledAfter { settle() }
        if let index = others.lastIndex(where: { $0.tracker.isNext(id) }) { return goOn(with: index, id, last) }
        return isInterleaved ? observeInterleaved(id, last) : observeSingle(id, last)
    }

    /// One counter has been alone for long. The other positions are kept: those counters may only be slow.
    private mutating func settle() {
        isInterleaved = false
        if counters == 1 { mark.isCounter = false }
        // A counter that was set back long ago is not expected to return.
        forget { position in
            if case .gap? = position.told { false } else { !position.isCounter }
        }
    }

    /// The subscription was restarted, so missing ids can no longer arrive: an id from a gap is a counter reset.
    package mutating func closeGaps() {
        current.closeGaps()
        for index in others.indices { others[index].tracker.closeGaps() }
        forget { if case .gap? = $0.told { !$0.isCounter } else { false } }
    }

    private mutating func forget(where isForgotten: (Position) -> Bool) {
        for position in others where isForgotten(position) {
            forgotten = forgotten.addingSaturated(position.tracker.missing)
        }
        others.removeAll(where: isForgotten)
    }

    // MARK: - A single counter

    private mutating func observeSingle(_ id: UInt64, _ last: UInt64) -> Observation {
        let before = current
        let seen = current.observe(id)
        switch seen {
        case .counterReset:
            resets += 1
            current = SequenceTracker(lastID: id)
            leave(before, told: seen)
            mark = Mark(number: nextNumber(), firstID: id, since: id)
        case .gap(let from, _):
            // It may be a higher counter, and the one below continues.
            remember(
                Position(
                    number: nextNumber(), tracker: SequenceTracker(lastID: from - 1), firstID: mark.firstID, told: seen)
            )
            mark.since = id
        case .first, .inOrder, .duplicate, .late: break
        }
        return .one(seen)
    }

    private mutating func leave(_ tracker: SequenceTracker, told: SequenceTracker.Observation?) {
        remember(
            Position(
                number: mark.number, tracker: tracker, firstID: mark.firstID, isCounter: mark.isCounter,
                told: told ?? mark.told))
    }

    private mutating func remember(_ position: Position) {
        others.append(position)
        guard others.count >= Self.maximumCounters else { return }
        let index = others.firstIndex { !$0.isCounter } ?? 0
        forgotten = forgotten.addingSaturated(others[index].tracker.missing)
        others.remove(at: index)
    }

    // MARK: - Return to an earlier position

    private mutating func goOn(with index: Int, _ id: UInt64, _ last: UInt64) -> Observation {
        if case .gap(let from, let to)? = others[index].told, !others[index].isCounter, id <= to, id >= from {
            return goOnBelow(index, id, last)
        }
        let next = others.remove(at: index)
        leave(current, told: nil)
        current = next.tracker
        _ = current.observe(id)
        let isNew = !next.isCounter
        mark = Mark(number: next.number, firstID: next.firstID, isCounter: true, told: next.told, since: id)
        return turned(isNew: isNew)
    }

    /// Ids continue below a gap after an id above it: late, or another counter.
    private mutating func goOnBelow(_ index: Int, _ id: UInt64, _ last: UInt64) -> Observation {
        others[index].tracker.last = id
        if others[index].leftFrom != last {
            others[index].leftFrom = last
            others[index].returns += 1
        }
        if !isInterleaved, others[index].returns < Self.returnsBelow {
            if current.isOpen(id) {
                _ = current.observe(id)
            } else if let holder = others.firstIndex(where: { $0.tracker.isOpen(id) }) {
                _ = others[holder].tracker.observe(id)
            }
            return .one(.late)
        }
        var next = others.remove(at: index)
        next.tracker = SequenceTracker(lastID: id)
        // The ids returned above the gap in between.
        mark.isCounter = true
        if case .gap(_, let to)? = next.told { mark.firstID = to + 1 }
        leave(current, told: nil)
        current = next.tracker
        mark = Mark(number: next.number, firstID: next.firstID, isCounter: true, told: next.told, since: id)
        return turned(isNew: true)
    }

    private mutating func turned(isNew: Bool) -> Observation {
        let known = others.count(where: \.isCounter) + 1
        guard known > 1 else { return .restored }
        let isNews = isNew && known > counters
        counters = max(counters, known)
        isInterleaved = true
        if isNew { retract() }
        return .turn(isNews: isNews)
    }

    /// Withdraws what was reported when ids left or reached the positions of counters. A gap below which nothing
    /// continued stays a gap.
    private mutating func retract() {
        (retractedTwins, twins) = (twins, [])
        retracted = ([mark.told] + others.filter(\.isCounter).map(\.told)).compactMap { $0 }
        mark.told = nil
        for index in others.indices where others[index].isCounter { others[index].told = nil }
        for case .gap(let from, let to) in retracted {
            current.forget(from...to)
            for index in others.indices { others[index].tracker.forget(from...to) }
        }
    }

    /// The last id was repeated in a different envelope: two counters at the same id produce such pairs in succession.
    ///
    /// - Returns: the meaning of the id in that case.
    package mutating func observeTwin() -> Observation {
        guard !isInterleaved, let id = current.lastID else { return .one(.duplicate) }
        // An old one is unrelated.
        if let last = twins.last, id < last || id - last > Self.reach { twins.removeAll() }
        twins.append(id)
        guard twins.count >= Self.twinsOfSeveral else { return .one(.duplicate) }
        // This one was not reported.
        twins.removeLast()
        mark.isCounter = true
        leave(current, told: nil)
        current = SequenceTracker(lastID: id)
        mark = Mark(number: nextNumber(), firstID: twins[0], isCounter: true, since: id)
        return turned(isNew: true)
    }

    // MARK: - Several counters

    private mutating func observeInterleaved(_ id: UInt64, _ last: UInt64) -> Observation {
        if id == last || others.contains(where: { $0.isCounter && $0.tracker.lastID == id }) { return .one(.duplicate) }
        if current.isOpen(id) { return .one(current.observe(id)) }
        if let index = others.firstIndex(where: { $0.tracker.isOpen(id) }) {
            return .one(others[index].tracker.observe(id))
        }
        // The nearest counter below has skipped some, unless it is far away.
        let below = others.indices.filter { others[$0].isCounter && (others[$0].tracker.lastID ?? .max) < id }
            .max { (others[$0].tracker.lastID ?? 0) < (others[$1].tracker.lastID ?? 0) }
        let nearest = below.flatMap { others[$0].tracker.lastID } ?? 0
        if last < id, last >= nearest, id - last <= Self.reach { return .one(current.observe(id)) }
        if let below, id - nearest <= Self.reach, last > id || last < nearest {
            let next = others.remove(at: below)
            leave(current, told: nil)
            current = next.tracker
            mark = Mark(number: next.number, firstID: next.firstID, isCounter: true, since: id)
            return .one(current.observe(id))
        }
        // Another counter, or one of these that was set back or is far ahead: cannot be determined.
        leave(current, told: nil)
        current = SequenceTracker(lastID: id)
        mark = Mark(number: nextNumber(), firstID: id, since: id)
        return .turn(isNews: false)
    }
}
