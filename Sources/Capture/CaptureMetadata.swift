import Backplane
import JSON
import MCAP
import Time

/// The metadata records of a segment: `capture` at its start has its origin, `capture.end` at its close its contents.
/// Each segment can be read alone.
package enum CaptureMetadata {
    /// Of the MCAP header.
    package static let profile = "signalr-backplane"
    /// Of the metadata at the start of a segment.
    package static let startName = "capture"
    /// Of the metadata at the close of a segment.
    package static let endName = "capture.end"
    /// In a file that `recover` wrote.
    static let recoveredName = "capture.recovered"
    /// In a file that `erase` wrote.
    static let erasedName = "capture.erased"
    /// The channel of the relay's own events.
    package static let eventsTopic = "relay.events"
    /// One JSON object a message.
    package static let eventsEncoding = "json"
    /// A payload of SignalR 2, including its id.
    package static let envelopeEncoding = "signalr-redis"

    enum Key {
        static let relayVersion = "relay_version"
        static let host = "host"
        static let redis = "redis"
        static let redisVersion = "redis_version"
        static let runID = "run_id"
        static let masterReplid = "master_replid"
        static let channels = "channels"
        static let backplanes = "backplanes"
        static let startedAt = "started_at"
        static let endedAt = "ended_at"
        static let previousSegment = "previous_segment"
        static let recordingID = "recording_id"
        static let firstIDs = "first_ids"
        static let lastIDs = "last_ids"
        static let payload = "payload"
        static let redactedKeys = "redacted_json_keys"
        static let names = "names"
        static let envelopes = "envelopes"
        static let bytes = "bytes"
        static let missing = "missing"
        static let missingTruncated = "missing_truncated"
        static let ending = "ending"
        static let checkedIDs = "checked_ids"
        static let mayBeMissing = "may_be_missing"
        static let recovered = "recovered"
        static let recoveredFrom = "recovered_from"
        static let damages = "damages"
        static let erasedAt = "erased_at"
        static let removed = "removed"
        static let changed = "changed"
    }

    /// Ids that are not in the capture, both included.
    struct MissingRange {
        let channel: String
        let from: UInt64
        let to: UInt64
    }

    /// The record at the start of a segment.
    ///
    /// - Parameters:
    ///   - recordingID: of the relay process that writes it.
    ///   - ends: before this segment, in the form of `capture.end`.
    ///   - previousSegment: its file name.
    static func start(
        source: CaptureSource, recordingID: String?, channels: [BackplaneChannel], ends: RecordingEnds,
        previousSegment: String?, at now: Moment
    ) -> Metadata {
        var entries = [
            Key.relayVersion: source.relayVersion,
            Key.host: source.host,
            Key.redis: source.redis,
            Key.channels: json(channels.map(\.name)),
            Key.startedAt: UTCTime.rfc3339(now.realtime),
            Key.lastIDs: text(of: ends.lastIDs, JSONTree.unsigned),
        ]
        if !ends.doubts.isEmpty { entries[Key.mayBeMissing] = text(of: ends.doubts, \.json) }
        entries[Key.backplanes] = backplanes(channels)
        entries[Key.recordingID] = recordingID
        entries[Key.runID] = source.runID
        entries[Key.masterReplid] = source.masterReplid
        entries[Key.redisVersion] = source.redisVersion
        entries[Key.previousSegment] = previousSegment
        entries[Key.payload] = source.payload.rawValue
        if !source.redactedKeys.isEmpty { entries[Key.redactedKeys] = json(source.redactedKeys) }
        if source.hashesNames { entries[Key.names] = "hash" }
        return Metadata(name: startName, entries: entries)
    }

    /// The record at the close of a segment.
    ///
    /// - Parameters:
    ///   - total: envelopes and bytes of all channels.
    ///   - firstIDs: by Redis channel, of this segment.
    ///   - ends: at the end of this segment: by Redis channel, the last id that is recorded or reported missing, and
    ///     where later ids may be missing.
    ///   - missing: from the events of the segment; nil if unknown, after a crash.
    ///   - ending: nil after a crash.
    static func end(
        total: ChannelTally, firstIDs: OrdinalNameMap<UInt64>, ends: RecordingEnds, missing: [MissingRange]?,
        missingTruncated: Bool = false, ending: SegmentEnding?, at now: Moment
    ) -> Metadata {
        var entries = [
            Key.endedAt: UTCTime.rfc3339(now.realtime),
            Key.envelopes: "\(total.envelopes)",
            Key.bytes: "\(total.bytes)",
            Key.firstIDs: text(of: firstIDs, JSONTree.unsigned),
            Key.lastIDs: text(of: ends.lastIDs, JSONTree.unsigned),
        ]
        switch ending {
        case .goesOn: entries[Key.ending] = "goes_on"
        case .stopped(let checkedIDs):
            entries[Key.ending] = "stopped"
            entries[Key.checkedIDs] = text(of: checkedIDs, JSONTree.unsigned)
        case nil: break
        }
        if !ends.doubts.isEmpty { entries[Key.mayBeMissing] = text(of: ends.doubts, \.json) }
        if let missing {
            entries[Key.missing] = JSONTree.array(missing.map(\.json)).description
            if missingTruncated { entries[Key.missingTruncated] = "true" }
        } else {
            entries[Key.recovered] = "true"
        }
        return Metadata(name: endName, entries: entries)
    }

    private static func json(_ texts: [String]) -> String { JSONTree.array(texts.map { .string($0) }).description }

    /// An array of strings; empty if it is anything else.
    static func strings(_ text: String?) -> [String] {
        guard let elements = tree(text)?.array else { return [] }
        let strings = elements.compactMap(\.string)
        return strings.count == elements.count ? strings : []
    }

    /// Of `capture`; nil if it does not say.
    static func channels(in entries: [String: String]) -> [String]? {
        entries[Key.channels].map { strings($0) }
    }

    static func tree(_ text: String?) -> JSONTree? { text.flatMap { try? JSONTree(parsing: $0) } }

    /// Last id by channel, from `capture` (before the segment) or `capture.end` (at its end).
    static func lastIDs(in entries: [String: String]) -> OrdinalNameMap<UInt64> {
        ids(entries[Key.lastIDs])
    }

    /// Number of missing ids per `capture.end`; nil if it is absent or incomplete.
    static func missingIDs(in entries: [String: String]) -> UInt64? {
        guard entries[Key.missingTruncated] == nil, let elements = tree(entries[Key.missing])?.array else { return nil }
        let ranges = elements.compactMap(MissingRange.init(json:))
        guard ranges.count == elements.count else { return nil }
        return ranges.reduce(0) { sum, range in
            range.to >= range.from ? sum &+ (range.to - range.from &+ 1) : sum
        }
    }

    /// How the segment was closed, from `capture.end`; nil after a crash or from an earlier version.
    static func ending(in entries: [String: String]) -> SegmentEnding? {
        switch entries[Key.ending] {
        case "goes_on": .goesOn
        case "stopped": .stopped(checkedIDs: ids(entries[Key.checkedIDs]))
        default: nil
        }
    }

    /// Where ids may be missing, by channel, from `capture.end`.
    static func doubts(in entries: [String: String]) -> OrdinalNameMap<RecordingDoubt> {
        members(entries[Key.mayBeMissing]) { RecordingDoubt(json: $0) }
    }

    /// First id by channel, from `capture.end`; earlier versions did not write it.
    static func firstIDs(in entries: [String: String]) -> OrdinalNameMap<UInt64> {
        ids(entries[Key.firstIDs])
    }

    /// As an object, by name.
    private static func text<Value>(of values: OrdinalNameMap<Value>, _ json: (Value) -> JSONTree) -> String {
        JSONTree.object(
            values.sorted { OrdinalName($0.key) < OrdinalName($1.key) }.map { .init($0.key, json($0.value)) }
        ).description
    }

    private static func ids(_ text: String?) -> OrdinalNameMap<UInt64> {
        members(text) { $0.integer(as: UInt64.self) }
    }

    /// Leaves out malformed members.
    private static func members<Value>(
        _ text: String?, _ value: (JSONTree) -> Value?
    ) -> OrdinalNameMap<Value> {
        OrdinalNameMap(
            (tree(text)?.members ?? []).compactMap { member in value(member.value).map { (member.name, $0) } })
    }
}

extension CaptureMetadata.MissingRange {
    fileprivate var json: JSONTree {
        ["channel": .string(channel), "from": .unsigned(from), "to": .unsigned(to)]
    }

    fileprivate init?(json: JSONTree) {
        guard let channel = json["channel"]?.string, let from = json["from"]?.integer(as: UInt64.self),
            let to = json["to"]?.integer(as: UInt64.self)
        else { return nil }
        self.init(channel: channel, from: from, to: to)
    }
}

extension RecordingDoubt {
    fileprivate var json: JSONTree {
        var members: [JSONTree.Member] = []
        if let after { members.append(.init("after", .unsigned(after))) }
        if let cause { members.append(.init("cause", .string(cause))) }
        members.append(.init("reason", .string(reason.rawValue)))
        return .object(members)
    }

    fileprivate init?(json: JSONTree) {
        guard let reason = json["reason"]?.string.flatMap(Reason.init) else { return nil }
        self.init(after: json["after"]?.integer(as: UInt64.self), reason: reason, cause: json["cause"]?.string)
    }
}

/// What is recorded of the values of messages.
package enum PayloadMode: String, Sendable, CaseIterable, Codable {
    /// As they are, byte for byte.
    case full
    /// Strings and numbers replaced by a keyed hash.
    case hash
    /// Nothing.
    case none
}

/// Where a capture comes from. Contains no secret.
package struct CaptureSource: Sendable, Equatable {
    /// Of the program that recorded.
    package var relayVersion: String
    /// Name of the machine that records.
    package var host: String
    /// `host:port` of the Redis server.
    package var redis: String
    /// Run id of the server; known after the first subscription, if INFO is permitted.
    package var runID: String?
    /// The history of the server's data, which a master and its replicas share, at the last subscription; nil if
    /// unknown.
    package var masterReplid: String?
    /// nil if INFO is not permitted.
    package var redisVersion: String?
    /// What is recorded of the payloads.
    package var payload: PayloadMode
    /// Names of JSON members whose values were left out.
    package var redactedKeys: [String]
    /// Whether names of groups and users and connection ids are hashes.
    package var hashesNames: Bool

    /// The defaults are those of an unredacted recording before the first subscription.
    package init(
        relayVersion: String, host: String, redis: String, runID: String? = nil, redisVersion: String? = nil,
        payload: PayloadMode = .full, redactedKeys: [String] = [], hashesNames: Bool = false
    ) {
        self.payload = payload
        self.redactedKeys = redactedKeys
        self.hashesNames = hashesNames
        self.relayVersion = relayVersion
        self.host = host
        self.redis = redis
        self.runID = runID
        self.redisVersion = redisVersion
    }
}
