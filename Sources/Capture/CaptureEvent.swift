package import Backplane
import FoundationEssentials
import JSON

/// Something that happened to the recording itself: one JSON object on the channel `relay.events`.
///
/// A capture knows its own holes: whatever is missing in it, an event says what and why.
package struct CaptureEvent: Equatable, Sendable {
    /// `subscribed`, `disconnected`, `gap`, `duplicate`, `counter_reset`, `dropped`, `clock_step`, `segment`, `lost`,
    /// `segment_moved`, `segment_deleted`, `recording_paused`, `recording_resumed`, `may_be_missing`, `demoted`, `promoted`,
    /// `interleaved`, `erased`.
    package var event: String
    /// The Redis channel it concerns; nil if it concerns all.
    package var channel: String?
    /// First and last id, inclusive: what is missing (`gap`, `dropped`), or the id before and after (`counter_reset`).
    package var from: UInt64?
    package var to: UInt64?
    /// Of `may_be_missing`: the last id that is accounted for.
    package var after: UInt64?
    package var cause: String?
    package var reason: String?
    package var envelopes: Int?
    package var bytes: Int?
    /// How far the clock jumped, negative for back.
    package var nanoseconds: Int64?
    package var runID: String?
    package var redisVersion: String?
    /// File names, without a directory.
    package var segment: String?
    package var previous: String?
    /// How many counters give ids in turn (`interleaved`).
    package var counters: Int?
    /// Where they stand, by the number of the database (`interleaved`); nil where they cannot be read.
    package var databases: [String: UInt64]?
    /// What events before said of ids that was not so, as is known now (`interleaved`).
    package var withdraws: [Withdrawn]?

    /// An event that holds no longer.
    package struct Withdrawn: Equatable, Sendable {
        /// `counter_reset`, `gap` or `duplicate`.
        package var event: String
        package var from: UInt64
        package var to: UInt64

        /// - Returns: nil for one that the turns of several counters cannot bring about.
        init?(_ event: CaptureEvent) {
            guard ["counter_reset", "gap", "duplicate"].contains(event.event), let from = event.from,
                let to = event.to
            else { return nil }
            (self.event, self.from, self.to) = (event.event, from, to)
        }

        /// - Parameter id: of the envelope.
        /// - Returns: nil for what is no event.
        package init?(_ told: SequenceTracker.Observation, id: UInt64 = 0) {
            switch told {
            case .duplicate: (event, from, to) = ("duplicate", id, id)
            case .counterReset(let from, let to): (event, self.from, self.to) = ("counter_reset", from, to)
            case .gap(let from, let to): (event, self.from, self.to) = ("gap", from, to)
            case .first, .inOrder, .late: return nil
            }
        }

        fileprivate init(_ tree: JSONTree) throws {
            guard let event = try tree.text("event"), let from: UInt64 = try tree.number("from"),
                let to: UInt64 = try tree.number("to")
            else { throw OddMember() }
            (self.event, self.from, self.to) = (event, from, to)
        }

        fileprivate var tree: JSONTree {
            .object([.init("event", .string(event)), .init("from", .unsigned(from)), .init("to", .unsigned(to))])
        }

        /// What is not so, since another counter was found.
        package static func all(_ tracker: CounterTracker) -> [Withdrawn] {
            tracker.retracted.compactMap { Withdrawn($0) }
                + tracker.retractedTwins.compactMap { Withdrawn(.duplicate, id: $0) }
        }
    }

    package init(event: String, channel: String? = nil) {
        self.event = event
        self.channel = channel
    }

    package static func subscribed(runID: String?, redisVersion: String?) -> CaptureEvent {
        var event = CaptureEvent(event: "subscribed")
        event.runID = runID
        event.redisVersion = redisVersion
        return event
    }

    /// A hub was found: its envelopes are heard from here on.
    package static func attached(channel: String) -> CaptureEvent {
        CaptureEvent(event: "attached", channel: channel)
    }

    package static func disconnected(cause: String) -> CaptureEvent {
        var event = CaptureEvent(event: "disconnected")
        event.cause = cause
        return event
    }

    package static func gap(channel: String, from: UInt64, to: UInt64, cause: GapCause) -> CaptureEvent {
        var event = CaptureEvent(event: "gap", channel: channel)
        event.from = from
        event.to = to
        event.cause = cause.rawValue
        return event
    }

    /// Of the event that says that nobody can tell whether ids are missing.
    package static let mayBeMissingName = "may_be_missing"

    package static func mayBeMissing(channel: String, _ doubt: RecordingDoubt) -> CaptureEvent {
        var event = CaptureEvent(event: mayBeMissingName, channel: channel)
        event.after = doubt.after
        event.reason = doubt.reason.rawValue
        event.cause = doubt.cause
        return event
    }

    package static func duplicate(channel: String, id: UInt64) -> CaptureEvent {
        var event = CaptureEvent(event: "duplicate", channel: channel)
        event.from = id
        event.to = id
        return event
    }

    package static func counterReset(channel: String, from: UInt64, to: UInt64) -> CaptureEvent {
        var event = CaptureEvent(event: "counter_reset", channel: channel)
        event.from = from
        event.to = to
        return event
    }

    /// - Parameter ids: of the dropped envelopes, where they are known.
    package static func dropped(
        channel: String?, envelopes: Int, bytes: Int, reason: String, ids: ClosedRange<UInt64>? = nil
    ) -> CaptureEvent {
        var event = CaptureEvent(event: "dropped", channel: channel)
        event.envelopes = envelopes
        event.bytes = bytes
        event.reason = reason
        event.from = ids?.lowerBound
        event.to = ids?.upperBound
        return event
    }

    package static func clockStep(nanoseconds: Int64) -> CaptureEvent {
        var event = CaptureEvent(event: "clock_step")
        event.nanoseconds = nanoseconds
        return event
    }

    package static func segment(_ name: String, previous: String?) -> CaptureEvent {
        var event = CaptureEvent(event: "segment")
        event.segment = name
        event.previous = previous
        return event
    }

    /// Several counters give ids on one channel in turn: nobody can tell which ids are missing.
    ///
    /// - Parameters:
    ///   - databases: where the counters stand; nil where they cannot be read.
    ///   - withdraws: what was told before it was known.
    package static func interleaved(
        channel: String, counters: Int, databases: [Int: UInt64]?, withdraws: [Withdrawn] = []
    ) -> CaptureEvent {
        var event = CaptureEvent(event: "interleaved", channel: channel)
        event.counters = counters
        if !withdraws.isEmpty { event.withdraws = withdraws }
        if let databases {
            event.databases = Dictionary(uniqueKeysWithValues: databases.map { ("\($0)", $1) })
        } else {
            event.reason = "not_separable"
        }
        return event
    }

    /// True if it says which ids are missing.
    var namesMissingIDs: Bool {
        explainsHoles && channel != nil && from != nil && to != nil
    }

    // MARK: - JSON

    /// The object as it stands in a capture, keys sorted.
    package func json() -> [UInt8] {
        var writer = JSONWriter(escapingLineEnds: false)
        writer.raw("{")
        writer.member("after", after)
        writer.member("bytes", bytes)
        writer.member("cause", cause)
        writer.member("channel", channel)
        writer.member("counters", counters)
        if let databases {
            writer.member("databases")
            writer.tree(.object(databases.sorted { $0.key < $1.key }.map { .init($0.key, .unsigned($0.value)) }))
        }
        writer.member("envelopes", envelopes)
        writer.member("event", event)
        writer.member("from", from)
        writer.member("nanoseconds", nanoseconds)
        writer.member("previous", previous)
        writer.member("reason", reason)
        writer.member("redis_version", redisVersion)
        writer.member("run_id", runID)
        writer.member("segment", segment)
        writer.member("to", to)
        if let withdraws {
            writer.member("withdraws")
            writer.tree(.array(withdraws.map(\.tree)))
        }
        writer.raw("}")
        return writer.bytes
    }

    /// - Returns: nil if it is no JSON object with an `event`, or one of the members above is not what it should be.
    package init?(json: UnsafeRawBufferPointer) {
        guard JSONText.isUTF8(json), let tree = try? JSONTree(parsing: json), let event = tree["event"]?.string else {
            return nil
        }
        self.init(event: event)
        do {
            channel = try tree.text("channel")
            from = try tree.number("from")
            to = try tree.number("to")
            after = try tree.number("after")
            cause = try tree.text("cause")
            reason = try tree.text("reason")
            envelopes = try tree.number("envelopes")
            bytes = try tree.number("bytes")
            nanoseconds = try tree.number("nanoseconds")
            runID = try tree.text("run_id")
            redisVersion = try tree.text("redis_version")
            segment = try tree.text("segment")
            previous = try tree.text("previous")
            counters = try tree.number("counters")
            if let found = tree["databases"], found != .null {
                guard let members = found.members else { throw OddMember() }
                databases = [:]
                for member in members {
                    guard let id = member.value.integer(as: UInt64.self) else { throw OddMember() }
                    databases?[member.name] = id
                }
            }
            if let found = tree["withdraws"], found != .null {
                guard let elements = found.array else { throw OddMember() }
                withdraws = try elements.map { try Withdrawn($0) }
            }
        } catch {
            return nil
        }
    }
}

/// A member is there and of another kind.
private struct OddMember: Error {}

extension JSONTree {
    /// - Returns: nil if there is no such member, or it is null.
    fileprivate func text(_ name: String) throws(OddMember) -> String? {
        switch self[name] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw OddMember()
        }
    }

    /// - Returns: nil if there is no such member, or it is null.
    fileprivate func number<Integer: FixedWidthInteger>(_ name: String) throws(OddMember) -> Integer? {
        guard let value = self[name], value != .null else { return nil }
        guard let number = value.integer(as: Integer.self) else { throw OddMember() }
        return number
    }
}

/// Why ids are missing.
package enum GapCause: String, Sendable, CaseIterable {
    /// Our own intake was full.
    case dropped
    /// The connection was lost in between.
    case connectionLost = "connection_lost"
    /// Redis closed our connection because its output buffer was full.
    case outputBufferLimit = "output_buffer_limit"
    /// The server's run_id changed in between.
    case redisRestart = "redis_restart"
    /// Another server became the master in between.
    case failover
    /// The relay was not recording in between.
    case notRecording = "not_recording"
    /// They had not arrived when the relay stopped, although Redis had given them out.
    case stopped
    /// Nothing happened to us: the counter moved without a PUBLISH on the channel.
    case foreignPublish = "foreign_publish"
    /// The capture holds no event that explains it.
    case unknown
}
