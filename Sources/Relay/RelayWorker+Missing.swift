import Capture
import Logging
import Prometheus
import Redis
import Backplane
import Time

/// What does not follow in the ids, and what the counters say: told to capture, journal, metrics and log.
extension RelayWorker {
    mutating func deviated(
        _ sequence: CounterTracker.Observation, id: UInt64?, isTwin: Bool = false, cause: GapCause?, channel: Int,
        at now: Moment
    ) {
        recorder?.sequenceBroke(channel: channel)
        // What happened since an earlier run belongs into the capture, not into the metrics of this process.
        let isOfThisRun = cause == nil || !explainer.explainsEarlierRun
        switch sequence {
        case .one(.gap(let from, let to)):
            gap(from...to, id: id ?? 0, cause: cause, channel: channel, at: now)
        case .one(.duplicate):
            hold(.duplicate, id: id ?? 0, counts: isOfThisRun, isSure: !isTwin, channel: channel, at: now)
        case .one(.counterReset(let from, let to)):
            let isSure = cause == .redisRestart || cause == .failover
            hold(.counterReset(from: from, to: to), counts: isOfThisRun, isSure: isSure, channel: channel, at: now)
        case .turn(let isNews):
            observers[channel].count(sequence)
            turned(channel, isNews: isNews, at: now)
        case .one(.late), .restored:
            observers[channel].count(sequence)
            held.returned(on: channel, at: now.monotonic)
        case .one(.first), .one(.inOrder): break
        }
    }

    // MARK: - What several counters would explain, too

    /// Into the capture at once, in its place among the envelopes; told when it is sure.
    private mutating func hold(
        _ told: SequenceTracker.Observation, id: UInt64 = 0, counts: Bool, isSure: Bool = false, channel: Int,
        at now: Moment
    ) {
        guard let deviation = DeviationHold.Deviation(channel: channel, told: told, id: id, counts: counts)
        else { return }
        recorder?.append(CaptureEvent(deviation.event, channel: channels[channel]), at: now)
        if case .gap = told { observers[channel].missedSomething() }
        guard !isSure else { return tell(deviation, at: now) }
        if let displaced = held.hold(deviation, at: now.monotonic) { tell(displaced, at: now) }
        if told != .duplicate, now.monotonic >= nextQuestionAt {
            nextQuestionAt = now.monotonic + 60_000_000_000
            census?.ask(deviation.event, channel: channel)
        }
    }

    /// - Parameter time: of the monotonic clock; `.max` for all.
    mutating func tellHeld(by time: UInt64, at now: Moment) {
        for deviation in held.due(at: time) { tell(deviation, at: now) }
    }

    /// To metrics, journal and log.
    private mutating func tell(_ deviation: DeviationHold.Deviation, at now: Moment) {
        let event = CaptureEvent(deviation.event, channel: channels[deviation.channel])
        if deviation.counts { observers[deviation.channel].count(.one(deviation.told)) }
        journal?.note(event, at: now)
        log.write(.warning, "\(event.event)", kind: event.event, at: now.monotonic, event.logMetadata)
    }

    private mutating func turned(_ channel: Int, isNews: Bool, at now: Moment) {
        let retracted = observers[channel].retracted
        let told = held.withdraw(retracted, channel: channel)
        guard isNews else { return }
        if !told.isEmpty { mistold[channel] = told }
        interleaved(channel, withdraws: retracted, at: now)
    }

    /// - Parameter cause: nil if nothing befell the recording since the last id.
    private mutating func gap(_ ids: ClosedRange<UInt64>, id: UInt64, cause: GapCause?, channel: Int, at now: Moment) {
        guard let cause else {
            let gap = SequenceTracker.Observation.gap(from: ids.lowerBound, to: ids.upperBound)
            return hold(gap, counts: true, channel: channel, at: now)
        }
        if explainer.explainsEarlierRun { return missedEarlier(ids, cause, channel: channel, at: now) }
        guard let end = comparisons[channel].endOfEarlierRun(within: ids) else {
            return missed(ids, id: id, cause, channel: channel, at: now)
        }
        missedEarlier(ids.lowerBound...end, explainer.earlierCause(channel), channel: channel, at: now)
        if end < ids.upperBound { missed(end + 1...ids.upperBound, id: id, cause, channel: channel, at: now) }
    }

    /// Ids that this run should have received.
    private mutating func missed(
        _ ids: ClosedRange<UInt64>, id: UInt64, _ cause: GapCause, channel: Int, at now: Moment
    ) {
        observers[channel].count(.one(.gap(from: ids.lowerBound, to: ids.upperBound)))
        account.missed(ids: ids.upperBound - ids.lowerBound + 1, cause: cause)
        tell(.gap(channel: channels[channel], from: ids.lowerBound, to: ids.upperBound, cause: cause), at: now)
    }

    /// What is missing since an earlier run belongs into the capture, not into the metrics of this process.
    private mutating func missedEarlier(
        _ ids: ClosedRange<UInt64>, _ cause: GapCause, channel: Int, at now: Moment
    ) {
        tell(.gap(channel: channels[channel], from: ids.lowerBound, to: ids.upperBound, cause: cause), at: now)
    }

    /// The first id of all came behind a lost connection: the counter's first look may know of some before it.
    mutating func firstArrived(_ id: UInt64, cause: GapCause, channel: Int, at now: Moment) {
        guard !explainer.explainsEarlierRun, let ids = comparisons[channel].missing(before: id) else { return }
        recorder?.sequenceBroke(channel: channel)
        missed(ids, id: id, cause, channel: channel, at: now)
    }

    /// Into capture, journal and log.
    private mutating func tell(_ event: CaptureEvent, at now: Moment) {
        note(event, at: now)
        log.write(.warning, "\(event.event)", kind: event.event, at: now.monotonic, event.logMetadata)
    }

    mutating func dropped(envelopes: Int, bytes: Int, ids: DroppedIDs, at now: Moment) {
        let reason = RelayMetrics.DropReason.bufferFull.rawValue
        note(.dropped(channel: nil, envelopes: envelopes, bytes: bytes, reason: reason), at: now)
        log.write(
            .error, "intake full, envelopes dropped; is the disk too slow, or the buffer too small?", kind: "dropped",
            at: now.monotonic, ["envelopes": "\(envelopes)", "bytes": "\(bytes)"])
        for (channel, ranges) in ids.ranges {
            for range in ranges { dropped(range, channel: channel, at: now) }
        }
    }

    /// Envelopes with these ids arrived, and that is all that is known of them.
    private mutating func dropped(_ ids: ClosedRange<UInt64>, channel: Int, at now: Moment) {
        let cause = explainer.arrived(on: channel)
        let sequence = observers[channel].observe(id: ids.lowerBound)
        switch sequence {
        case .one(.inOrder), .one(.first): recorder?.sequenceBroke(channel: channel)
        case .one(.gap), .one(.duplicate), .one(.counterReset), .one(.late), .restored, .turn:
            deviated(sequence, id: ids.lowerBound, cause: cause, channel: channel, at: now)
        }
        // Once more, or still missing: told before.
        if sequence == .one(.duplicate) || sequence == .one(.late) { return }
        _ = observers[channel].missed(through: ids.upperBound)
        missed(ids, id: ids.upperBound, .dropped, channel: channel, at: now)
    }

    /// A large payload was not kept; its first bytes told the id.
    mutating func skipped(_ payload: SkippedPayload, at now: Moment) {
        let channel = payload.channel
        let reason = payload.isTooLarge ? RelayMetrics.DropReason.tooLarge : .bufferFull
        let seen = observers[channel].passedOver(payload)
        let cause = explainer.arrived(on: channel)
        switch seen.sequence {
        case .one(.first): if let cause { firstArrived(seen.id ?? 0, cause: cause, channel: channel, at: now) }
        case let sequence?: deviated(sequence, id: seen.id, cause: cause, channel: channel, at: now)
        case nil: break
        }
        publishTurns.counted()
        recorder?.passedOver(channel: channel, id: seen.id, bytes: payload.bytes, reason: reason, at: now)
        journal?.note(
            .dropped(
                channel: channels[channel], envelopes: 1, bytes: payload.bytes, reason: reason.rawValue,
                ids: seen.id.map { $0...$0 }), at: now)
        log.write(
            .error,
            payload.isTooLarge
                ? "an envelope is larger than the buffer and was dropped while it came in; raise the buffer to record such envelopes"
                : "intake full, a large envelope was dropped while it came in; is the disk too slow, or the buffer too small?",
            kind: "skipped", at: now.monotonic,
            [
                "channel": "\(channels[channel])", "id": "\(seen.id.map(String.init) ?? "unknown")",
                "bytes": "\(payload.bytes)", "buffer": "\(Int(metrics.intakeLimitBytes.value))",
            ])
    }

    // MARK: - Counters

    /// Finds out whether all that the counters gave out has arrived.
    mutating func compare(_ readings: CounterReadings, at now: Moment) {
        // A counter that was read before the connection was lost again: the next subscription looks anew.
        guard readings.isFenced || readings.isLast, subscriptions > 0 else { return }
        for (channel, reading) in readings.counters.enumerated() {
            compare(reading, isFenced: readings.isFenced, isLast: readings.isLast, channel: channel, at: now)
        }
    }

    private mutating func compare(
        _ reading: CounterReading, isFenced: Bool, isLast: Bool, channel: Int, at now: Moment
    ) {
        // One key says nothing of several counters.
        guard observers[channel].counters == 1 else { return }
        let lastID = observers[channel].lastID
        let outcome = comparisons[channel].compare(
            reading,
            CounterComparison.Arrivals(
                lastID: lastID, isOfThisRun: lastID != earlierIDs[channel], resets: observers[channel].resets,
                withoutID: observers[channel].withoutID, isDisrupted: explainer.isDisrupted(channel),
                isStopping: isLast))
        switch outcome {
        case .nothing: break
        case .accounted(let id):
            if explainer.isDisrupted(channel) { _ = explainer.arrived(on: channel) }
            if isLast { checkedIDs[channels[channel]] = id }
        case .missing(let earlier, let ids):
            let cause =
                explainer.isDisrupted(channel)
                ? explainer.arrived(on: channel) : (isFenced ? GapCause.foreignPublish : .stopped)
            recorder?.sequenceBroke(channel: channel)
            if let earlier { missedEarlier(earlier, explainer.earlierCause(channel), channel: channel, at: now) }
            _ = observers[channel].missed(through: ids.upperBound)
            missed(ids, id: ids.upperBound, cause ?? .foreignPublish, channel: channel, at: now)
            if isLast { checkedIDs[channels[channel]] = ids.upperBound }
        case .doubt(let reason):
            let cause = explainer.isDisrupted(channel) ? explainer.latestCause : nil
            metrics.channels[channel].idsInDoubt.increment()
            tell(
                .mayBeMissing(
                    channel: channels[channel],
                    RecordingDoubt(after: lastID, reason: reason, cause: cause?.rawValue)),
                at: now)
        }
    }
}

extension CaptureEvent {
    fileprivate init(_ told: Withdrawn, channel: String) {
        self.init(event: told.event, channel: channel)
        (from, to) = (told.from, told.to)
        // Nothing befell the recording.
        if event == "gap" { cause = GapCause.foreignPublish.rawValue }
    }

    /// What a log line says of it.
    fileprivate var logMetadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["channel": "\(channel ?? "")"]
        if let from { metadata["from"] = "\(from)" }
        if let to { metadata["to"] = "\(to)" }
        if let after { metadata["after"] = "\(after)" }
        if let cause { metadata["cause"] = "\(cause)" }
        if let reason { metadata["reason"] = "\(reason)" }
        return metadata
    }
}
