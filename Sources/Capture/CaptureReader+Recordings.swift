package import Backplane
import MCAP

extension CaptureReader {
    /// Channel names from the start or end of each segment; empty if a segment does not list them.
    package func channels() -> Set<OrdinalName> { Set(backplanes().map { OrdinalName($0.name) }) }

    /// Event keys and hubs from the start or end of each segment; empty if a segment does not list them.
    package func backplanes() -> Set<BackplaneChannel> {
        var channels: Set<BackplaneChannel> = []
        for segment in segments {
            if let start = try? segment.startMetadata() {
                channels.formUnion(CaptureMetadata.backplanes(in: start.entries))
            } else if let source = try? segment.openFile(),
                let reader = try? MCAPIndexedReader(source, from: .max)
            {
                channels.formUnion(reader.channels.values.compactMap(\.backplane))
            } else {
                // The segment may contain any channel: return nothing rather than a partial list.
                return []
            }
        }
        return channels
    }
}

/// Reads parallel recordings of several relays as `merge` does: each envelope once.
extension CaptureReader {
    func forEachOnce(
        _ selection: CaptureSelection, _ body: (CaptureItem) throws -> Void, progress: ((CaptureProgress) -> Void)?
    ) throws -> CaptureReadReport {
        var position = CaptureProgress(total: size)
        let advanced = progress.map { progress in
            { (bytes: UInt64) in
                position.done = min(position.done + bytes, position.total)
                progress(position)
            }
        }
        // Messages are selected after alignment, so that missing ids show for all envelopes.
        var alignment = CaptureAlignment(
            recordingsOf: self,
            selection: CaptureSelection(from: selection.from, until: selection.until, channels: selection.channels))
        var order = OrderedItems(matcher: EnvelopeMatcher(selection), horizon: horizon)
        do {
            _ = try alignment.forEach(advanced: advanced) { try order.take($0, body) }
            try order.finish(body)
        } catch is CaptureReadingEnd {
            // Stops the reading.
        }
        var report = CaptureReadReport()
        report.segments = alignment.read
        report.damage = alignment.damage
        report.losses = order.losses
        report.account = order.account
        for segment in report.segments {
            report.account.segmentBegan(of: segment.channels)
            report.account.segmentEnded(segment)
        }
        return report
    }
}

/// Inserts events between aligned envelopes and leaves out those that concern a single recording.
private struct OrderedItems {
    private let matcher: EnvelopeMatcher
    private let horizon: UInt64
    private var reports = HoleReports()
    /// Events held until everything before them was handed out.
    private var held: [(event: CaptureEvent, at: UInt64)] = []
    private var lastIDs: OrdinalNameMap<UInt64> = [:]
    private var trackers: OrdinalNameMap<CounterTracker> = [:]
    private(set) var losses: [CaptureEvent] = []
    private(set) var account = RecordingAccount()

    init(matcher: EnvelopeMatcher, horizon: UInt64) {
        self.matcher = matcher
        self.horizon = horizon
    }

    mutating func take(_ item: CaptureAlignment.Item, _ body: (CaptureItem) throws -> Void) throws {
        switch item {
        case .event(let event, let time, _):
            switch event.event {
            case "duplicate", "counter_reset": break
            case _ where event.namesMissingIDs: reports.add(event, at: time)
            default: held.append((event, time))
            }
            // When all channels are silent, no later envelope releases the events.
            if time > 2 * horizon { try handOut(before: time - 2 * horizon, body) }
        case .envelope(let envelope):
            try handOut(before: envelope.receivedAt, body)
            try note(envelope, body)
            try envelope.payload.withUnsafeBytes { payload in
                if envelope.form == .signalR2 {
                    account.recorded(envelope.channel, payload)
                } else {
                    account.noteWireWithoutIDs()
                }
                guard matcher.selects(payload: payload, envelope.form) else { return }
                try body(
                    .envelope(
                        CapturedEnvelope(
                            channel: envelope.channel, form: envelope.form, receivedAt: envelope.receivedAt,
                            payload: payload)))
            }
        }
    }

    private mutating func note(
        _ envelope: CaptureAlignment.Envelope, _ body: (CaptureItem) throws -> Void
    ) throws {
        guard let id = envelope.id else { return }
        // With interleaved counters nothing counts as missing.
        guard case .one = trackers[envelope.channel, default: CounterTracker()].observe(id) else { return }
        // A fall of the id is already visible in the envelope.
        if let last = envelope.resetFrom, last < id {
            let event = CaptureEvent.counterReset(channel: envelope.channel, from: last, to: id)
            account.note(event)
            try body(.event(event, at: envelope.receivedAt))
        }
        if let missing = envelope.missing {
            let (event, lost) = reports.gap(missing, channel: envelope.channel)
            losses += lost.prefix(CaptureReader.listedLosses - losses.count)
            account.note(event)
            try body(.event(event, at: envelope.receivedAt))
        }
        lastIDs[envelope.channel] = envelope.resetFrom == nil ? max(lastIDs[envelope.channel] ?? 0, id) : id
    }

    /// Hands out what all recordings miss at their end, and the remaining events.
    mutating func finish(_ body: (CaptureItem) throws -> Void) throws {
        held += reports.beyond(lastIDs)
        held.sort { $0.at < $1.at }
        try handOut(before: .max, body)
    }

    private mutating func handOut(before time: UInt64, _ body: (CaptureItem) throws -> Void) throws {
        let due = held.prefix { $0.at < time }
        guard !due.isEmpty else { return }
        held.removeFirst(due.count)
        for (event, at) in due {
            account.note(event)
            if event.isLoss, losses.count < CaptureReader.listedLosses { losses.append(event) }
            try body(.event(event, at: at))
        }
    }
}

/// Reports of parallel recordings about ids they lack: the cause of ids missing in all of them. Bounded.
struct HoleReports {
    private static let limit = 1_000

    private var reports: [(event: CaptureEvent, at: UInt64)] = []

    /// - Parameter time: nanoseconds since 1970.
    mutating func add(_ event: CaptureEvent, at time: UInt64) {
        reports.append((event, time))
        if reports.count > Self.limit { reports.removeFirst() }
    }

    /// The event for ids that no recording has, and the reports of their loss.
    mutating func gap(_ missing: ClosedRange<UInt64>, channel: String) -> (event: CaptureEvent, losses: [CaptureEvent])
    {
        // Reports about earlier ids are no longer needed.
        reports.removeAll {
            $0.event.channel?.isSameOrdinally(as: channel) == true && $0.event.to ?? 0 < missing.lowerBound
        }
        let relevant = reports.map(\.event).filter { report in
            guard report.channel?.isSameOrdinally(as: channel) == true, let from = report.from, let to = report.to
            else { return false }
            return from <= missing.upperBound && to >= missing.lowerBound
        }
        var event = CaptureEvent.gap(
            channel: channel, from: missing.lowerBound, to: missing.upperBound, cause: .unknown)
        if let cause = relevant.first?.cause ?? relevant.first?.reason { event.cause = cause }
        return (event, relevant.filter(\.isLoss))
    }

    /// Reports about ids above every envelope.
    ///
    /// - Parameter lastIDs: the highest ids by channel.
    func beyond(_ lastIDs: OrdinalNameMap<UInt64>) -> [(event: CaptureEvent, at: UInt64)] {
        reports.filter { report, _ in
            guard let channel = report.channel, let to = report.to else { return false }
            return lastIDs[channel].map { to > $0 } ?? true
        }
    }
}
