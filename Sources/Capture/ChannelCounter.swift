import Backplane

/// Counts one channel while a capture is read.
struct ChannelCounter {
    private static let toldLimit = 64

    private var channel: CaptureSummary.Channel
    private var tracker = CounterTracker()
    /// Which counter was found in which database.
    private var places = CounterPlaces()
    private var kinds = [Int](repeating: 0, count: MessageKind.allCases.count)
    /// Reported missing above the last id: an envelope that follows makes a gap of them, unless the counter was set back.
    private var pending: [CaptureEvent] = []
    /// Reported missing, not above the last id: of a counter that was set back, if the next envelope shows that.
    private var pendingReset: [CaptureEvent] = []
    /// An event said that the counter was set back, and no envelope came since.
    private var isResetAnnounced = false
    /// Missing ids that the tracker cannot see.
    private var unseen: UInt64 = 0
    /// Events that say what ids seem to say, too; and those of them that told the turn of another counter.
    private var told: [CaptureEvent.Withdrawn] = []
    private(set) var withdrawn: [CaptureEvent.Withdrawn] = []
    /// The publisher's clock in the last envelope: one that comes twice has the same.
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
            // It goes on with another counter: what was said of missing ids was not so.
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

    /// What looked like a reset or a hole as long as one counter was known.
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

    /// An event that ids may have seemed to say.
    mutating func note(told event: CaptureEvent) {
        guard let event = CaptureEvent.Withdrawn(event) else { return }
        told.append(event)
        if told.count > Self.toldLimit { told.removeFirst() }
    }

    private mutating func observe(_ id: UInt64) -> CounterTracker.Observation {
        guard isResetAnnounced, let last = tracker.lastID, id > last else { return tracker.observe(id) }
        // Set back during an outage, the counter has passed the last id that is here: no gap, whatever it looks like.
        addUnseen(tracker.missing)
        tracker = CounterTracker(lastID: id)
        return .one(.counterReset(from: last, to: id))
    }

    /// Something said which ids are missing.
    mutating func note(_ event: CaptureEvent) {
        // What retention deleted is missing for a reason that is nobody's fault: it only explains a hole.
        note(told: event)
        guard event.event != "segment_deleted", let from = event.from, let to = event.to, from <= to else { return }
        // Its envelopes came before the first one that is here.
        if let first = channel.firstID, to < first, channel.counterResets.isEmpty, event.countsBeforeFirstEnvelope {
            count(from: from, to: to)
            return
        }
        guard pending.count + pendingReset.count < CaptureSummary.listedHoles else { return }
        if let last = tracker.lastID, to <= last {
            // Else it is seen as a gap anyway, or was before. An outage tells what it cost before what happened in it.
            let isOfNewCounter = event.event == "dropped" || (event.event == "gap" && isResetAnnounced)
            if isOfNewCounter { pendingReset.append(event) }
            return
        }
        if !pending.contains(where: { $0.from == from && $0.to == to }) { pending.append(event) }
    }

    /// Which counters there are, as their keys said.
    mutating func note(interleaved event: CaptureEvent) {
        places.note(event, heard: tracker.heard)
    }

    /// The counter was set back before the next envelope.
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
        // A gap before the first envelope of all is none of the capture's: it begins there.
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
        // Nothing follows that would show them as a gap.
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
    /// False for a gap that is none of the capture's, if it stands before all envelopes of the channel: the capture begins
    /// there. What was lost by then is its own.
    fileprivate var countsBeforeFirstEnvelope: Bool {
        event != "gap" || RecordingVerdict.isLoss(cause: cause ?? GapCause.unknown.rawValue)
    }
}
