import Backplane

/// Counts one channel while a capture is read.
struct ChannelCounter {
    private static let toldLimit = 64

    private var channel: CaptureSummary.Channel
    private var tracker = CounterTracker()
    /// Which counter is in which database.
    private var places = CounterPlaces()
    private var kinds = [Int](repeating: 0, count: MessageKind.allCases.count)
    /// Reported missing above the last id: a gap once an envelope follows, unless the counter was set back.
    private var pending: [CaptureEvent] = []
    /// Reported missing at or below the last id: from a counter that was set back, if the next envelope confirms it.
    private var pendingReset: [CaptureEvent] = []
    /// An event announced a counter reset, and no envelope followed yet.
    private var isResetAnnounced = false
    /// Missing ids invisible to the tracker.
    private var unseen: UInt64 = 0
    /// Events that the ids imply too, and those among them caused by another counter.
    private var told: [CaptureEvent.Withdrawn] = []
    private(set) var withdrawn: [CaptureEvent.Withdrawn] = []
    /// The publisher's clock of the last envelope; a repeated envelope has the same.
    private var lastTicks: Int64 = 0
    private var reasons = [Int](repeating: 0, count: EnvelopeError.Reason.allCases.count)
    private var oddities = [Int](repeating: 0, count: EnvelopeOddities.allCases.count)

    init(channel: String) {
        self.channel = CaptureSummary.Channel(channel: channel)
    }

    mutating func add(_ payload: UnsafeRawBufferPointer) {
        channel.smallest = channel.envelopes == 0 ? payload.count : min(channel.smallest, payload.count)
        channel.largest = max(channel.largest, payload.count)
        channel.envelopes += 1
        channel.bytes += payload.count
        var isTwin = false
        do throws(EnvelopeError) {
            var walk = try EnvelopeWalk(payload)
            while let message = try walk.next() { kinds[Int(message.kind.rawValue)] += 1 }
            isTwin = walk.createdTicks != lastTicks
            lastTicks = walk.createdTicks
            if !walk.oddities.isEmpty {
                for (index, oddity) in EnvelopeOddities.allCases.enumerated() where walk.oddities.contains(oddity) {
                    oddities[index] += 1
                }
            }
        } catch {
            reasons[Int(error.reason.rawValue)] += 1
        }
        guard let id = try? EnvelopeID.parse(payload).id else { return }
        channel.firstID = channel.firstID ?? id
        channel.lastID = id
        var observation = observe(id)
        if isTwin, observation == .one(.duplicate) { observation = tracker.observeTwin() }
        guard case .one(let sequence) = observation else {
            // The id continues another counter: earlier reports of missing ids were wrong.
            settle(.inOrder, before: id)
            retract()
            return
        }
        settle(sequence, before: id)
        switch sequence {
        case .first, .inOrder, .late: break
        case .duplicate: channel.duplicateIDs += 1
        case .counterReset(let from, let to): channel.counterResets.append(CaptureSummary.Reset(from: from, to: to))
        case .gap(let from, let to): addHole(from: from, to: to)
        }
    }

    /// Withdraws the resets and holes reported while only one counter was known.
    private mutating func retract() {
        for wrong in CaptureEvent.Withdrawn.all(tracker) { withdraw(wrong) }
        channel.duplicateIDs -= tracker.retractedTwins.count
        for wrong in tracker.retracted {
            switch wrong {
            case .counterReset(let from, let to):
                channel.counterResets.removeAll { $0 == CaptureSummary.Reset(from: from, to: to) }
            case .gap(let from, let to):
                channel.holeCount -= 1
                channel.holes.removeAll { $0.from == from && $0.to == to }
            case .first, .inOrder, .duplicate, .late: break
            }
        }
    }

    private mutating func withdraw(_ wrong: CaptureEvent.Withdrawn) {
        guard let index = told.lastIndex(of: wrong) else { return }
        told.remove(at: index)
        if withdrawn.count < CaptureSummary.listedHoles { withdrawn.append(wrong) }
    }

    /// Notes an event that the ids may have implied.
    mutating func note(told event: CaptureEvent) {
        guard let event = CaptureEvent.Withdrawn(event) else { return }
        told.append(event)
        if told.count > Self.toldLimit { told.removeFirst() }
    }

    private mutating func observe(_ id: UInt64) -> CounterTracker.Observation {
        guard isResetAnnounced, let last = tracker.lastID, id > last || tracker.isMissing(id) else {
            return tracker.observe(id)
        }
        // If the counter was set back during an outage and has passed the last recorded id, there is no visible gap.
        // An id from an earlier gap is not a late arrival.
        addUnseen(tracker.missing)
        tracker = CounterTracker(lastID: id)
        return .one(.counterReset(from: last, to: id))
    }

    /// Notes an event that names missing ids.
    mutating func note(_ event: CaptureEvent) {
        // Deletion by retention is not a loss: it only explains a hole.
        note(told: event)
        guard event.event != "segment_deleted", let from = event.from, let to = event.to, from <= to else { return }
        // Its envelopes preceded the first recorded one.
        if let first = channel.firstID, to < first, channel.counterResets.isEmpty, event.countsBeforeFirstEnvelope {
            count(from: from, to: to)
            return
        }
        guard pending.count + pendingReset.count < CaptureSummary.listedHoles else { return }
        if let last = tracker.lastID, to <= last {
            // Otherwise it shows as a gap anyway, or preceded. An outage is reported before the events during it.
            let isOfNewCounter = event.event == "dropped" || (event.event == "gap" && isResetAnnounced)
            if isOfNewCounter { pendingReset.append(event) }
            return
        }
        if !pending.contains(where: { $0.from == from && $0.to == to }) { pending.append(event) }
    }

    /// Notes the counters as read from their keys.
    mutating func note(interleaved event: CaptureEvent) {
        places.note(event, heard: tracker.heard)
    }

    /// Notes a counter reset before the next envelope.
    mutating func note(reset event: CaptureEvent) {
        note(told: event)
        isResetAnnounced = true
    }

    private mutating func settle(_ observation: SequenceTracker.Observation, before id: UInt64) {
        isResetAnnounced = false
        guard !pending.isEmpty || !pendingReset.isEmpty else { return }
        switch observation {
        case .counterReset:
            countPending { _ in true }
            countPendingReset()
        // A gap before the very first envelope does not count: the capture starts there.
        case .first: countPending { $0.countsBeforeFirstEnvelope && ($0.to ?? 0) < id }
        case .duplicate, .late: return
        case .inOrder, .gap: break
        }
        pending.removeAll()
        pendingReset.removeAll()
    }

    private mutating func countPending(_ counts: (CaptureEvent) -> Bool) {
        for event in pending where counts(event) {
            guard let from = event.from, let to = event.to else { continue }
            count(from: from, to: to)
        }
    }

    private mutating func countPendingReset() {
        for event in pendingReset {
            guard let from = event.from, let to = event.to else { continue }
            count(from: from, to: to)
        }
    }

    private mutating func count(from: UInt64, to: UInt64) {
        addUnseen(to - from + 1)
        addHole(from: from, to: to)
    }

    private mutating func addUnseen(_ ids: UInt64) {
        let (sum, overflow) = unseen.addingReportingOverflow(ids)
        unseen = overflow ? .max : sum
    }

    private mutating func addHole(from: UInt64, to: UInt64) {
        channel.holeCount += 1
        if channel.holes.count < CaptureSummary.listedHoles {
            channel.holes.append(CaptureSummary.Hole(from: from, to: to, cause: ""))
        }
    }

    func summary(explainedBy causes: [CaptureEvent]) -> CaptureSummary.Channel {
        var whole = self
        // No envelope follows that would reveal them as a gap.
        whole.countPending { $0.countsBeforeFirstEnvelope || tracker.lastID != nil }
        if isResetAnnounced { whole.countPendingReset() }
        var summary = whole.channel
        let (missing, overflow) = tracker.missing.addingReportingOverflow(whole.unseen)
        summary.missingIDs = overflow ? .max : missing
        summary.counters = places.counters(of: tracker)
        if let last = tracker.heard.last?.ids.upperBound { summary.lastID = last }
        for kind in MessageKind.allCases where kinds[Int(kind.rawValue)] > 0 {
            summary.messages[kind.label] = kinds[Int(kind.rawValue)]
        }
        for reason in EnvelopeError.Reason.allCases where reasons[Int(reason.rawValue)] > 0 {
            summary.undecodable[reason.label] = reasons[Int(reason.rawValue)]
        }
        for (index, oddity) in EnvelopeOddities.allCases.enumerated() where oddities[index] > 0 {
            summary.oddities[oddity.label] = oddities[index]
        }
        let split = summary.holes.flatMap { HoleExplanation.parts(of: $0, explainedBy: causes) }
        summary.holeCount += split.count - summary.holes.count
        summary.holes = Array(split.prefix(CaptureSummary.listedHoles))
        return summary
    }
}

extension CaptureEvent {
    /// False for a gap before the channel's first envelope that does not count, because the capture starts there.
    /// Losses do count.
    fileprivate var countsBeforeFirstEnvelope: Bool {
        event != "gap" || RecordingVerdict.isLoss(cause: cause ?? GapCause.unknown.rawValue)
    }
}

/// Assigns several counters of one channel to their databases.
struct CounterPlaces {
    /// By the counter's number.
    private var databases: [Int: Int] = [:]

    /// - Parameters:
    ///   - event: several counters assign ids in turn, with their values if readable.
    ///   - heard: the counters, up to the time of the event.
    mutating func note(_ event: CaptureEvent, heard: [CounterTracker.Heard]) {
        guard let found = event.databases, found.count == heard.count else { return databases = [:] }
        // Matches by rank: both values are from about the same time.
        let places = found.compactMap { name, id in Int(name).map { (database: $0, id: id) } }.sorted { $0.id < $1.id }
        guard places.count == heard.count else { return databases = [:] }
        databases = [:]
        for (counter, place) in zip(heard, places) { databases[counter.number] = place.database }
    }

    /// nil if a single counter assigned the ids.
    func counters(of tracker: CounterTracker) -> CaptureSummary.Counters? {
        let heard = tracker.heard
        guard !heard.isEmpty else { return nil }
        let parts = heard.compactMap { counter in
            databases[counter.number].map {
                CaptureSummary.Counters.Part(
                    database: $0, firstID: counter.ids.lowerBound, lastID: counter.ids.upperBound)
            }
        }
        let isSeparable = parts.count == heard.count && Set(parts.map(\.database)).count == parts.count
        return CaptureSummary.Counters(
            count: max(tracker.counters, heard.count), separable: isSeparable,
            parts: isSeparable ? parts.sorted { $0.database < $1.database } : [])
    }
}

/// Assigns causes to a hole; a hole with several causes is split.
enum HoleExplanation {
    /// - Parameters:
    ///   - hole: its cause is ignored.
    ///   - causes: events of the channel that name missing ids, in the order of the recording.
    static func parts(of hole: CaptureSummary.Hole, explainedBy causes: [CaptureEvent]) -> [CaptureSummary.Hole] {
        let relevant = causes.filter { event in
            guard let from = event.from, let to = event.to else { return false }
            return from <= hole.to && to >= hole.from
        }
        var parts: [CaptureSummary.Hole] = []
        var next = hole.from
        while true {
            var end = hole.to
            var cause = GapCause.unknown.rawValue
            if let event = relevant.first(where: { $0.covers(next) }) {
                cause = event.cause ?? event.reason ?? cause
                end = min(end, event.to ?? end)
            } else if let from = relevant.compactMap(\.from).filter({ $0 > next }).min() {
                end = min(end, from - 1)
            }
            if let last = parts.last, last.cause == cause {
                parts[parts.count - 1].to = end
            } else {
                parts.append(CaptureSummary.Hole(from: next, to: end, cause: cause))
            }
            guard end < hole.to else { return parts }
            next = end + 1
        }
    }
}

extension CaptureEvent {
    fileprivate func covers(_ id: UInt64) -> Bool {
        guard let from, let to else { return false }
        return from <= id && id <= to
    }
}
