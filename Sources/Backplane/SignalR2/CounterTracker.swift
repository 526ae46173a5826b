/// Watches the ids of one channel, whether one counter gives them, as it should be, or several in turn.
///
/// Pub/sub does not know databases: two applications with the same event key in two databases of one Redis hear each
/// other, each with a counter of its own. Then the ids jump to and fro, each time to where the other counter stood: none
/// is missing. A counter that was set back once, even if a node restores it, does not come back to both sides.
///
/// A value without I/O and bounded: it remembers ``maximumCounters`` positions.
package struct CounterTracker: Sendable {
    /// What an id is in view of those before it.
    package enum Observation: Equatable, Sendable {
        /// As one counter gives them.
        case one(SequenceTracker.Observation)
        /// It goes on with the counter that was left before it was set back: as a node does that restores it. No id is
        /// missing.
        case restored
        /// It goes on with another counter than the id before it. `isNews` if that shows one counter more than was known.
        case turn(isNews: Bool)
    }

    /// Counters of one event key that are told apart.
    package static let maximumCounters = 8
    /// Ids of one counter without a turn, after which it counts as the only one that is left.
    static let settledAfter: UInt64 = 1_000
    /// A larger step within the turns of several counters may as well be another counter.
    static let reach: UInt64 = 100
    /// So often ids must come back to what lies below a gap: late ones might do so, too.
    private static let returnsBelow = 3
    /// So often two envelopes must have the same id: a counter that was set back by one gives one such pair.
    private static let twinsOfSeveral = 2

    /// Where the last id was.
    @usableFromInline
    var current: SequenceTracker
    private var mark = Mark()
    private var others: [Position] = []
    private var positions = 0
    /// Of positions that are forgotten.
    private var forgotten: UInt64 = 0

    /// What ``Position`` has besides the tracker, for the current one.
    private struct Mark {
        var number = 0
        var firstID: UInt64 = 0
        var isCounter = false
        var told: SequenceTracker.Observation?
        /// The id with which it became the current one.
        var since: UInt64 = 0
    }

    /// How many counters are known to give ids; 1 unless they were heard in turn.
    package private(set) var counters = 1
    /// True from when a second counter was recognized until one has been alone for some time.
    package private(set) var isInterleaved = false
    /// Told before it was known that there is more than one counter, and wrong: take it before the next id.
    package private(set) var retracted: [SequenceTracker.Observation] = []
    /// Ids told as duplicates, likewise: another counter gave them, too.
    package private(set) var retractedTwins: [UInt64] = []
    /// Ids that came twice in a row, in different envelopes, since another counter was last known of.
    private var twins: [UInt64] = []

    /// - Parameter lastID: the last id known from before, so that a gap up to the first one is seen.
    package init(lastID: UInt64? = nil) {
        current = SequenceTracker(lastID: lastID)
        mark.firstID = lastID ?? 0
        mark.since = lastID ?? 0
    }

    /// The id that the next one is measured against.
    package var lastID: UInt64? { current.lastID }

    /// Ids missed and not come late since, of all counters.
    package var missing: UInt64 {
        others.reduce(forgotten.addingSaturated(current.missing)) { $0.addingSaturated($1.tracker.missing) }
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

    /// How often an id looked like a counter that was set back.
    package private(set) var resets: UInt64 = 0

    /// Ids up to this one were given out and will not come: the next one is measured against it.
    ///
    /// - Returns: the gap; nil if there is none, since the last id is not below it.
    package mutating func missed(through id: UInt64) -> SequenceTracker.Observation? { current.missed(through: id) }

    /// Takes note of an id.
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
        // What follows it was no deviation.
        if last >= mark.since, last - mark.since > Self.settledAfter { settle() }
        if let index = others.lastIndex(where: { $0.tracker.isNext(id) }) { return goOn(with: index, id, last) }
        return isInterleaved ? observeInterleaved(id, last) : observeSingle(id, last)
    }

    /// One counter has been alone for long. Where the others stood is remembered: they may only be slow.
    private mutating func settle() {
        isInterleaved = false
        if counters == 1 { mark.isCounter = false }
        // Of a counter that was set back long ago nothing more is to be expected.
        forget { position in
            if case .gap? = position.told { false } else { !position.isCounter }
        }
    }

    private mutating func forget(where isForgotten: (Position) -> Bool) {
        for position in others where isForgotten(position) {
            forgotten = forgotten.addingSaturated(position.tracker.missing)
        }
        others.removeAll(where: isForgotten)
    }

    // MARK: - One counter, as far as is known

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
            // Perhaps it is a higher counter's, and the one below goes on.
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

    // MARK: - Back to where ids were before

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

    /// What lies below a gap goes on, while the id before was above it: late, or another counter.
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
        // It came back above the gap in between.
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

    /// What was told when ids left the positions of counters, or came to them, never was. A gap below which nothing went
    /// on stays one.
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

    /// The last id was a duplicate, and in another envelope than before: two counters that are at the same id give such
    /// pairs, one after the other.
    ///
    /// - Returns: what the id is in view of that.
    package mutating func observeTwin() -> Observation {
        guard !isInterleaved, let id = current.lastID else { return .one(.duplicate) }
        // One long ago has nothing to do with it.
        if let last = twins.last, id < last || id - last > Self.reach { twins.removeAll() }
        twins.append(id)
        guard twins.count >= Self.twinsOfSeveral else { return .one(.duplicate) }
        // This one was not told.
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
        // The nearest counter below it has skipped some, unless that is far away.
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
        // Another counter, or one of these that was set back or is far ahead: nobody can tell.
        leave(current, told: nil)
        current = SequenceTracker(lastID: id)
        mark = Mark(number: nextNumber(), firstID: id, since: id)
        return .turn(isNews: false)
    }
}

extension UInt64 {
    fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
