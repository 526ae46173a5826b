package import Backplane
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Merges captures of the same backplane: each envelope once, holes filled from the other captures, ids that all of
/// them lack named.
package struct CaptureMerge {
    /// The result for a channel.
    package struct ChannelOutcome: Sendable, Equatable {
        /// Envelopes that only this input has.
        package internal(set) var onlyIn: [Int]
        /// Envelopes that more than one input has.
        package internal(set) var shared = 0
        /// Envelopes whose id has another payload too; all are kept.
        package internal(set) var conflicts = 0
        /// Ids that no input has: the first thousand ranges.
        package internal(set) var missing: [ClosedRange<UInt64>] = []
        /// Ids that none of the captures has.
        package internal(set) var missingIDs: UInt64 = 0
        /// Counter resets.
        package internal(set) var resets = 0
    }

    /// What was merged, and what is missing still.
    package struct Outcome: Sendable {
        /// By channel name.
        package internal(set) var channels: OrdinalNameMap<ChannelOutcome> = [:]
        /// Damage of the inputs.
        package internal(set) var damage: [CaptureReadReport.SegmentDamage] = []
        /// Servers by run_id, or by address; more than one means a restart, or captures that do not belong together.
        package internal(set) var servers: Set<String> = []

        /// Verdict on the new capture by its missing ids; conflicts do not count.
        package var verdict: RecordingVerdict {
            var verdict = RecordingVerdict()
            verdict.isDamaged = !damage.isEmpty
            for cause in causes { verdict.missing(cause: cause) }
            verdict.isInDoubt = !doubts.isEmpty
            return verdict
        }

        /// Ids under which the captures have different payloads.
        package var conflicts: Int { channels.values.reduce(0) { $0 + $1.conflicts } }

        /// Why ids are missing.
        var causes: Set<String> = []
        /// Where ids after the last one may be missing, by channel.
        package internal(set) var doubts: OrdinalNameMap<RecordingDoubt> = [:]
    }

    private static let listedRanges = 1_000
    /// Events that a merged capture writes itself, or that concerned one recording only.
    private static let dropped: Set = [
        "gap", "duplicate", "counter_reset", "segment", "dropped", "lost", "interleaved", CaptureEvent.mayBeMissingName,
    ]

    private let captures: [CaptureReader]
    private let selection: CaptureSelection
    private let horizon: UInt64
    private let relayVersion: String
    private let host: String
    /// Reports of the inputs about missing ids, for the cause of what stays missing.
    private var reports = HoleReports()
    private var trackers: OrdinalNameMap<CounterTracker> = [:]
    /// Other events, held until everything before them is written.
    private var held: [(event: CaptureEvent, at: UInt64)] = []
    private var runID: String?
    /// By channel: the last id that an input contains or reports missing, and that of the new capture.
    private var accountedIDs: OrdinalNameMap<UInt64> = [:]
    private var writtenIDs: OrdinalNameMap<UInt64> = [:]
    /// By channel: the highest id up to which one input accounts for everything.
    private var checkedIDs: OrdinalNameMap<UInt64> = [:]
    private var outcome = Outcome()

    /// - Parameters:
    ///   - captures: 2 to 64.
    ///   - horizon: maximum difference between the recording machines' clocks, in nanoseconds.
    ///   - relayVersion: for the metadata of the new capture.
    ///   - host: for the metadata of the new capture.
    package init(
        _ captures: [CaptureReader], selection: CaptureSelection = .all,
        horizon: UInt64 = CaptureAlignment.defaultHorizon, relayVersion: String, host: String
    ) {
        self.captures = captures
        self.selection = selection
        self.horizon = horizon
        self.relayVersion = relayVersion
        self.host = host
    }

    /// The capture is written to `<directory>.part` until it is complete; after a failure nothing remains.
    ///
    /// - Parameters:
    ///   - directory: created if it does not exist; must be empty.
    ///   - progress: receives the number of envelopes written.
    /// - Throws: ``CaptureError``, ``CaptureAlignment/ClocksDiffer``.
    package mutating func write(to directory: String, progress: (Int) -> Void = { _ in }) throws -> Outcome {
        let sources = captures.flatMap { $0.sources() }
        outcome.servers = Set(sources.map { $0.runID ?? $0.redis })
        let channels = try channelNames()
        guard !channels.isEmpty else { throw CaptureError.noSegments(path: captures.first?.segments.first?.path ?? "") }
        var part = directory
        while part.count > 1, part.hasSuffix("/") { part.removeLast() }
        part += ".part"
        // A `.part` directory may remain from an interrupted merge.
        for path in [directory, part] where !CaptureDirectory.isVacant(path) { throw CaptureError.exists(path: path) }
        do {
            try write(channels, of: sources, into: part, progress)
            guard rename(part, directory) == 0 else {
                throw CaptureError.system(operation: "rename '\(part)' to", path: directory, errno: errno)
            }
        } catch {
            CaptureDirectory.discard(part)
            throw error
        }
        return outcome
    }

    private mutating func write(
        _ channels: [String], of sources: [CaptureSource], into directory: String, _ progress: (Int) -> Void
    ) throws {
        let start = Moment.now()
        let previous = try CaptureDirectory.prepare(directory, at: start) { _ in }
        var source = sources.first ?? CaptureSource(relayVersion: relayVersion, host: host, redis: "unknown")
        source.relayVersion = relayVersion
        source.host = host
        var writer = CaptureWriter(
            configuration: CaptureWriter.Configuration(directory: directory, channels: channels),
            source: source, previous: previous, observer: Silent())
        let indexes = Dictionary(uniqueKeysWithValues: channels.enumerated().map { ($1, $0) })
        runID = source.runID
        var count = 0
        var alignment = CaptureAlignment(captures, selection: selection, horizon: horizon)
        var moment = start
        outcome.damage = try alignment.forEach { item in
            switch item {
            case .event(let event, let time, _):
                if event.namesMissingIDs { reports.add(event, at: time) }
                if !Self.dropped.contains(event.event) { held.append((event, time)) }
                // When all channels are silent, no later envelope releases the events.
                if time > 2 * horizon { try writeEvents(upTo: time - 2 * horizon, into: &writer) }
            case .envelope(let envelope):
                guard let index = indexes[envelope.channel] else { return }
                try writeEvents(upTo: envelope.receivedAt, into: &writer)
                moment = .at(envelope.receivedAt)
                for event in note(envelope) { writer.append(event, at: moment) }
                if writer.wantsFlush(beforePayloadOf: envelope.payload.count) { try writer.flush(moment) }
                envelope.payload.withUnsafeBytes {
                    writer.append(
                        channel: index, id: envelope.id, publishTime: PublishTime.of($0),
                        receivedAt: envelope.receivedAt, payload: $0, at: moment)
                }
                count += 1
                progress(count)
            }
        }
        try writeEvents(upTo: .max, into: &writer)
        for event in lostAtTheEnd() { writer.append(event, at: moment) }
        try writer.close(moment, .stopped(checkedIDs: checkedIDs))
    }

    /// - Parameter time: nanoseconds since 1970.
    private mutating func writeEvents(upTo time: UInt64, into writer: inout CaptureWriter) throws {
        let due = held.prefix { $0.at <= time }
        for (event, at) in due {
            if event.event == "subscribed", let next = event.runID, next != runID {
                runID = next
                try writer.connected(
                    runID: next, redisVersion: event.redisVersion, masterReplid: event.masterReplid, at: .at(at))
            }
            writer.append(event, at: .at(at))
        }
        held.removeFirst(due.count)
    }

    /// False if ids within the selection are left out on purpose.
    private var selectsWholeSequences: Bool {
        selection == CaptureSelection(from: selection.from, until: selection.until, channels: selection.channels)
    }

    /// Counts an envelope. Returns the events that precede it.
    private mutating func note(_ envelope: CaptureAlignment.Envelope) -> [CaptureEvent] {
        var channel =
            outcome.channels[envelope.channel]
            ?? ChannelOutcome(onlyIn: Array(repeating: 0, count: captures.count))
        defer { outcome.channels[envelope.channel] = channel }
        if envelope.inputs.count == 1, let input = envelope.inputs.first {
            channel.onlyIn[input] += 1
        } else {
            channel.shared += 1
        }
        if envelope.isConflict { channel.conflicts += 1 }
        if let id = envelope.id {
            writtenIDs[envelope.channel] = id
            // With interleaved counters nothing is missing, and none was set back.
            switch trackers[envelope.channel, default: CounterTracker()].observe(id) {
            case .one: break
            case .restored, .turn(isNews: false): return []
            case .turn(isNews: true):
                let counters = trackers[envelope.channel]?.counters ?? 0
                return [.interleaved(channel: envelope.channel, counters: counters, databases: nil)]
            }
        }
        if let last = envelope.resetFrom {
            channel.resets += 1
            return [.counterReset(channel: envelope.channel, from: last, to: envelope.id ?? 0)]
        }
        guard let missing = envelope.missing, selectsWholeSequences else { return [] }
        channel.missingIDs += missing.upperBound - missing.lowerBound + 1
        if channel.missing.count < Self.listedRanges { channel.missing.append(missing) }
        return [gap(missing, channel: envelope.channel)]
    }

    /// Reports of the inputs about ids after the last envelope of any of them.
    private mutating func lostAtTheEnd() -> [CaptureEvent] {
        guard selectsWholeSequences else { return [] }
        var events: [CaptureEvent] = []
        for (name, last) in accountedIDs.sorted(by: { $0.key < $1.key }) {
            guard let written = writtenIDs[name], written < last else { continue }
            let missing = written + 1...last
            outcome.channels[name]?.missingIDs += last - written
            outcome.channels[name]?.missing.append(missing)
            events.append(gap(missing, channel: name))
        }
        return events
    }

    private mutating func gap(_ missing: ClosedRange<UInt64>, channel: String) -> CaptureEvent {
        let event = reports.gap(missing, channel: channel).event
        outcome.causes.insert(event.cause ?? GapCause.unknown.rawValue)
        return event
    }

    /// Channels of all inputs, found by reading: a segment's start lists only the subscribed ones.
    private mutating func channelNames() throws -> [String] {
        var names: Set<OrdinalName> = []
        var ends: OrdinalNameMap<[(last: UInt64, doubt: RecordingDoubt?)]> = [:]
        for capture in captures {
            let report = try capture.forEach(selection) { item in
                if case .envelope(let envelope) = item { names.insert(OrdinalName(envelope.channel)) }
            }
            let doubts = report.doubts
            for (name, last) in report.account.lastIDs { ends[name, default: []].append((last, doubts[name])) }
        }
        for (name, inputs) in ends {
            // The input with the highest id; of equal ones, one without doubt.
            guard
                let furthest = inputs.max(by: {
                    ($0.last, $0.doubt == nil ? 1 : 0) < ($1.last, $1.doubt == nil ? 1 : 0)
                })
            else { continue }
            accountedIDs[name] = furthest.last
            if let doubt = furthest.doubt { outcome.doubts[name] = doubt } else { checkedIDs[name] = furthest.last }
        }
        return names.sorted().map(\.text)
    }

    private final class Silent: CaptureWriterObserver {
        func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {}
        func synced(nanoseconds: UInt64) {}
        func segmentOpened(path: String) {}
    }
}

extension Moment {
    /// Rewriting has only the recorded time.
    fileprivate static func at(_ time: UInt64) -> Moment { Moment(realtime: time, monotonic: time) }
}
