import Backplane
import Time

/// The contents and completeness of a capture, as shown by `info`.
package struct CaptureSummary: Sendable, Encodable {
    /// One file of the capture.
    package struct Segment: Sendable, Encodable {
        /// As given, or found in the directory.
        package var path: String
        /// Size of the file.
        package var bytes: UInt64
        /// `closed`, `recording` (a relay writes it now), or `unclosed` (its relay died; the next start closes it).
        package var state: String
    }

    /// Consecutive segments. Several recordings overlap: relays recorded in parallel.
    package struct Recording: Sendable, Encodable {
        /// Host of the last segment; nil if unknown.
        package var host: String?
        /// Number of segments.
        package var segments: Int
        /// Envelopes in its segments; the summary counts shared envelopes once.
        package var envelopes: Int
    }

    /// Ids that are missing, both ends included.
    package struct Hole: Sendable, Encodable, Equatable {
        /// First missing id.
        package var from: UInt64
        /// Last missing id.
        package var to: UInt64
        /// The label of a ``GapCause``, or the reason of a `dropped` event.
        package var cause: String

        /// Number of ids.
        package var count: UInt64 { to - from + 1 }
    }

    /// A counter that went back.
    package struct Reset: Sendable, Encodable, Equatable {
        /// The id before.
        package var from: UInt64
        /// The id after.
        package var to: UInt64
    }

    /// Counters that assigned ids on one channel in turn: applications in different databases share the event key.
    package struct Counters: Sendable, Encodable, Equatable {
        /// The ids of one of them.
        package struct Part: Sendable, Encodable, Equatable {
            /// Number of the database that holds the counter.
            package var database: Int
            /// First id assigned by this counter.
            package var firstID: UInt64
            /// Last id assigned by this counter.
            package var lastID: UInt64

            enum CodingKeys: String, CodingKey {
                case database
                case firstID = "first_id"
                case lastID = "last_id"
            }
        }

        /// Number of counters.
        package var count: Int
        /// True if each id can be assigned to a counter: only if the relay could read the key in each database.
        package var separable: Bool
        /// Empty unless `separable`.
        package var parts: [Part]
    }

    /// What one channel holds.
    package struct Channel: Sendable, Encodable {
        /// The event key, or prefix and type of the hub.
        package var channel: String
        /// Envelopes recorded on the channel.
        package var envelopes = 0
        /// Payload bytes.
        package var bytes = 0
        /// Messages by kind, for example `hub` or `group`.
        package var messages: [String: Int] = [:]
        /// Envelopes that do not decode, by the label of the reason.
        package var undecodable: [String: Int] = [:]
        /// Envelopes that nodes decode but would not write, by anomaly; one may count under several.
        package var oddities: [String: Int] = [:]
        /// Payload bytes of the smallest envelope.
        package var smallest = 0
        /// Payload bytes of the largest envelope.
        package var largest = 0
        /// Id of the first envelope; nil if none has an id.
        package var firstID: UInt64?
        /// Id of the last envelope; nil if none has an id.
        package var lastID: UInt64?
        /// Sum over all holes.
        package var missingIDs: UInt64 = 0
        /// The first ``CaptureSummary/listedHoles``; `missingIDs` covers all.
        package var holes: [Hole] = []
        /// Number of all holes, also of those that `holes` does not list.
        package var holeCount = 0
        /// Ids that came twice in a row.
        package var duplicateIDs = 0
        /// In the order of the capture.
        package var counterResets: [Reset] = []
        /// nil if it is certain that no ids are missing after the last one.
        package var mayBeMissing: RecordingDoubt?
        /// nil if a single counter assigned all ids, as expected. Otherwise missing ids cannot be determined.
        package var counters: Counters?
        /// nil for SignalR 2. A hub of ASP.NET Core has no ids, so the members about ids are meaningless.
        package var core: Core?
    }

    static let listedHoles = 1_000

    /// The files, in order of time.
    package var segments: [Segment] = []
    /// More than one if several relays recorded in parallel.
    package var recordings: [Recording] = []
    /// Receive time of the first envelope, RFC 3339; nil without envelopes.
    package var firstReceivedAt: String?
    /// Receive time of the last envelope, RFC 3339; nil without envelopes.
    package var lastReceivedAt: String?
    /// From the first to the last envelope.
    package var durationSeconds = 0.0
    /// Envelopes of all channels.
    package var envelopes = 0
    /// Payload bytes of all channels.
    package var bytes = 0
    /// Bytes of all files together.
    package var fileBytes: UInt64 = 0
    /// Events by name.
    package var events: [String: Int] = [:]
    /// Event keys of SignalR 2 first, then hubs of ASP.NET Core.
    package var channels: [Channel] = []
    /// Envelopes over time, and where some are missing.
    package var profile = RateProfile()
    /// Payload modes of the recording: `full`, `hash`, `none`; more than one if it was changed.
    package var payload: [String] = []
    /// Names of JSON members whose values were left out.
    package var redactedKeys: [String] = []
    /// Set if names of groups, users and connection ids are hashes in all or part of the capture.
    package var names: String?
    /// Bytes of the files that could not be used.
    package var unreadBytes: UInt64 = 0
    /// Skipped messages of other programs, by topic.
    package var foreignTopics: [String: Int] = [:]
    /// Envelopes that `erase` took out, or took names out of; nil if none.
    package var erased: ErasedEnvelopes?
    /// Envelopes received but not recorded, with unknown ids.
    package var lostWithoutIDs = 0
    /// What the offsets of a replication stream say about completeness; nil if all came by subscriptions.
    package var replication: ReplicationProof?
    /// Whether the recording is complete; in JSON true, false, or null if unknown.
    package var verdict = RecordingVerdict()
    /// Damage and losses as sentences; empty if there are none.
    package var damage: [String] = []

    enum CodingKeys: String, CodingKey {
        case segments, recordings
        case firstReceivedAt = "first_received_at"
        case lastReceivedAt = "last_received_at"
        case durationSeconds = "duration_seconds"
        case envelopes, bytes
        case fileBytes = "file_bytes"
        case events, channels, damage, payload, profile, names, erased, replication
        case redactedKeys = "redacted_json_keys"
        case unreadBytes = "unread_bytes"
        case foreignTopics = "foreign_topics"
        case lostWithoutIDs = "lost_without_ids"
        case verdict = "complete"
    }

    /// Envelopes per second over the whole span; nil below two envelopes.
    package var rate: Double? {
        envelopes > 1 && durationSeconds > 0 ? Double(envelopes - 1) / durationSeconds : nil
    }

    /// Reads the whole capture once, in constant memory.
    ///
    /// - Parameter progress: receives the progress of the reading.
    /// - Throws: ``CaptureError``.
    package init(of capture: CaptureReader, progress: ((CaptureProgress) -> Void)? = nil) throws {
        var counters: OrdinalNameMap<ChannelCounter> = [:]
        var order: [String] = []
        var hubs: OrdinalNameMap<CoreChannelCounter> = [:]
        var causes: OrdinalNameMap<[CaptureEvent]> = [:]
        // The ids may come from another counter, which only later events show.
        var doubtful: [(channel: String, gap: CaptureEvent.Withdrawn, at: UInt64)] = []
        var first: UInt64?
        var last: UInt64 = 0
        let report = try capture.forEach { item in
            switch item {
            case .event(let event, let time):
                events[event.event, default: 0] += 1
                if event.event == CaptureEvent.erasedName { erased = (erased ?? ErasedEnvelopes()).noting(event) }
                if event.explainsHoles {
                    if let name = event.channel, event.cause == GapCause.foreignPublish.rawValue,
                        doubtful.count < Self.listedHoles, let gap = CaptureEvent.Withdrawn(event)
                    {
                        doubtful.append((name, gap, time))
                    } else {
                        profile.addHole(at: time)
                    }
                }
                if event.event == "dropped", event.from == nil { lostWithoutIDs += event.envelopes ?? 0 }
                if event.event == "interleaved", let name = event.channel {
                    counters[name]?.note(interleaved: event)
                }
                if event.event == "duplicate", let name = event.channel { counters[name]?.note(told: event) }
                if event.event == "counter_reset", let name = event.channel { counters[name]?.note(reset: event) }
                guard event.namesMissingIDs, let name = event.channel else { break }
                causes[name, default: []].append(event)
                if counters[name] == nil {
                    counters[name] = ChannelCounter(channel: name)
                    order.append(name)
                }
                counters[name]?.note(event)
            case .envelope(let envelope):
                first = first ?? envelope.receivedAt
                last = max(last, envelope.receivedAt)
                profile.addEnvelope(at: envelope.receivedAt)
                guard envelope.form == .signalR2 else {
                    if hubs[envelope.channel] == nil {
                        hubs[envelope.channel] = CoreChannelCounter(channel: envelope.channel, form: envelope.form)
                    }
                    hubs[envelope.channel]?.add(envelope.payload, at: envelope.receivedAt)
                    break
                }
                if counters[envelope.channel] == nil {
                    counters[envelope.channel] = ChannelCounter(channel: envelope.channel)
                    order.append(envelope.channel)
                }
                counters[envelope.channel]?.add(envelope.payload)
            }
        } progress: {
            progress?($0)
        }
        segments = report.segments.map { Segment(path: $0.path, bytes: $0.size, state: $0.state.rawValue) }
        let counts = Dictionary(report.segments.map { ($0.path, $0.envelopes) }) { first, _ in first }
        recordings = capture.recordings.map { recording in
            Recording(
                host: recording.last?.source?.host, segments: recording.count,
                envelopes: recording.reduce(0) { $0 + (counts[$1.path] ?? 0) })
        }
        for event in counters.values.flatMap(\.withdrawn) {
            events[event.event, default: 0] -= 1
            if events[event.event] == 0 { events[event.event] = nil }
        }
        for (name, gap, time) in doubtful where counters[name]?.withdrawn.contains(gap) != true {
            profile.addHole(at: time)
        }
        channels = order.compactMap { counters[$0]?.summary(explainedBy: causes[$0] ?? []) }
            .filter { $0.envelopes > 0 || $0.missingIDs > 0 || report.doubts[$0.channel] != nil }
        for index in channels.indices { channels[index].mayBeMissing = report.doubts[channels[index].channel] }
        if report.replication.from != nil { replication = report.replication }
        channels += hubs.keys.sorted().compactMap { hubs[$0]?.summary(replication, report.missingAtMost) }
        envelopes = channels.reduce(0) { $0 + $1.envelopes }
        bytes = channels.reduce(0) { $0 + $1.bytes }
        fileBytes = segments.reduce(0) { $0 + $1.bytes }
        damage = report.damage.map(\.description) + report.lossDescriptions
        evaluate(report)
        unreadBytes = report.unreadBytes
        foreignTopics = report.foreignTopics
        let sources = capture.sources()
        payload = Set(sources.map(\.payload.rawValue)).sorted()
        if sources.contains(where: \.hashesNames) { names = "hash" }
        redactedKeys = Set(sources.flatMap(\.redactedKeys)).sorted()
        if let first {
            firstReceivedAt = UTCTime.rfc3339(first)
            lastReceivedAt = UTCTime.rfc3339(last)
            durationSeconds = Double(last - first) * 1e-9
        }
    }

    /// The verdict depends on missing ids, not on events: a merged capture may have what one of its recordings lost.
    private mutating func evaluate(_ report: CaptureReadReport) {
        verdict.isDamaged = !damage.isEmpty
        verdict.isInDoubt = report.verdict.isInDoubt || channels.contains { $0.counters != nil }
        for channel in channels where channel.missingIDs > 0 {
            verdict.hasHoles = true
            for hole in channel.holes { verdict.missing(cause: hole.cause) }
            if channel.holeCount > channel.holes.count, report.verdict.hasLoss { verdict.hasLoss = true }
        }
        if lostWithoutIDs > 0 { verdict.missing(cause: GapCause.dropped.rawValue) }
        if report.replication.hasLoss { verdict.missing(cause: GapCause.backlogLost.rawValue) }
        // The intake names the ids of dropped envelopes in gaps; older versions did not if no id followed.
        let named = channels.flatMap(\.holes).filter { $0.cause == GapCause.dropped.rawValue }.reduce(0) {
            $0 + $1.count
        }
        lostWithoutIDs = max(0, lostWithoutIDs - Int(clamping: named))
    }
}
