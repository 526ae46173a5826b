package import Backplane
import FoundationEssentials
import JSON

/// Something that happened to the recording itself: one JSON object on the channel `relay.events`.
///
/// Every hole in a capture is explained by an event.
package struct CaptureEvent: Equatable, Sendable {
    /// One of ``Kind``, or an event of another version.
    package var event: String
    /// The Redis channel; nil for all channels.
    package var channel: String?
    /// First and last id, inclusive: what is missing (`gap`, `dropped`), or the id before and after (`counter_reset`).
    package var from: UInt64?
    /// Last id; with `from`.
    package var to: UInt64?
    /// For `may_be_missing`: the last id that is accounted for.
    package var after: UInt64?
    /// The label of a ``GapCause``, or of a lost connection.
    package var cause: String?
    /// Why envelopes were dropped, or why ids may be missing.
    package var reason: String?
    /// How many it concerns.
    package var envelopes: Int?
    /// Bytes of their payloads.
    package var bytes: Int?
    /// Size of a clock step; negative for back.
    package var nanoseconds: Int64?
    /// Of the server, from INFO.
    package var runID: String?
    /// As INFO says.
    package var redisVersion: String?
    /// For `subscribed`: `host:port` of the server.
    package var redis: String?
    /// For `subscribed`: `host:port` of the master of a replica, or `unknown`; nil for a master.
    package var replicaOf: String?
    /// For `subscribed`: the history of the server's data, which a master and its replicas share.
    package var masterReplid: String?
    /// Which history of a replication stream `offset` counts in, a random name.
    package var replid: String?
    /// Bytes of the replication stream up to here (`subscribed`, `resumed`, `replicated`).
    package var offset: Int64?
    /// File names, without a directory.
    package var segment: String?
    /// For `segment`: the file name of the segment before it.
    package var previous: String?
    /// Number of counters that assign ids in turn (`interleaved`).
    package var counters: Int?
    /// Value of each counter by database number (`interleaved`); nil if unreadable.
    package var databases: [String: UInt64]?
    /// Earlier events about ids that have turned out to be wrong (`interleaved`).
    package var withdraws: [Withdrawn]?

    /// An event that is no longer valid.
    package struct Withdrawn: Equatable, Sendable {
        /// `counter_reset`, `gap` or `duplicate`.
        package var event: String
        /// First id of the event, or the id before a `counter_reset`.
        package var from: UInt64
        /// Last id of the event, or the id after a `counter_reset`.
        package var to: UInt64

        /// - Returns: nil for an event that interleaved counters cannot cause.
        init?(_ event: CaptureEvent) {
            guard ["counter_reset", "gap", "duplicate"].contains(event.event), let from = event.from,
                let to = event.to
            else { return nil }
            (self.event, self.from, self.to) = (event.event, from, to)
        }

        /// - Parameter id: of the envelope.
        /// - Returns: nil if the observation is not an event.
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

        /// Events that became invalid when another counter was found.
        package static func all(_ tracker: CounterTracker) -> [Withdrawn] {
            tracker.retracted.compactMap { Withdrawn($0) }
                + tracker.retractedTwins.compactMap { Withdrawn(.duplicate, id: $0) }
        }
    }

    /// An event that is not one of ``Kind``: of another version, or of the live page only.
    package init(event: String, channel: String? = nil) {
        self.event = event
        self.channel = channel
    }

    /// The connection is lost.
    package static func disconnected(cause: String) -> CaptureEvent {
        var event = CaptureEvent(.disconnected)
        event.cause = cause
        return event
    }

    /// Ids from and to, both included, were not received.
    package static func gap(channel: String, from: UInt64, to: UInt64, cause: GapCause) -> CaptureEvent {
        var event = CaptureEvent(.gap, channel: channel)
        event.from = from
        event.to = to
        event.cause = cause.rawValue
        return event
    }

    /// Name of the event for ids that may be missing.
    package static let mayBeMissingName = Kind.mayBeMissing.rawValue

    /// It is unknown whether ids are missing.
    package static func mayBeMissing(channel: String, _ doubt: RecordingDoubt) -> CaptureEvent {
        var event = CaptureEvent(.mayBeMissing, channel: channel)
        event.after = doubt.after
        event.reason = doubt.reason.rawValue
        event.cause = doubt.cause
        return event
    }

    /// An id came again.
    package static func duplicate(channel: String, id: UInt64) -> CaptureEvent {
        var event = CaptureEvent(.duplicate, channel: channel)
        event.from = id
        event.to = id
        return event
    }

    /// The id after `from` was `to`, which is not above it.
    package static func counterReset(channel: String, from: UInt64, to: UInt64) -> CaptureEvent {
        var event = CaptureEvent(.counterReset, channel: channel)
        event.from = from
        event.to = to
        return event
    }

    /// - Parameter ids: of the dropped envelopes, if known.
    package static func dropped(
        channel: String?, envelopes: Int, bytes: Int, reason: String, ids: ClosedRange<UInt64>? = nil
    ) -> CaptureEvent {
        var event = CaptureEvent(.dropped, channel: channel)
        event.envelopes = envelopes
        event.bytes = bytes
        event.reason = reason
        event.from = ids?.lowerBound
        event.to = ids?.upperBound
        return event
    }

    /// The clock of the day was set; negative for back.
    package static func clockStep(nanoseconds: Int64) -> CaptureEvent {
        var event = CaptureEvent(.clockStep)
        event.nanoseconds = nanoseconds
        return event
    }

    /// A segment begins; nil for the first of a recording.
    package static func segment(_ name: String, previous: String?) -> CaptureEvent {
        var event = CaptureEvent(.segment)
        event.segment = name
        event.previous = previous
        return event
    }

    /// True if it says which ids are missing.
    var namesMissingIDs: Bool {
        explainsHoles && channel != nil && from != nil && to != nil
    }

    // MARK: - JSON

    /// The object as stored in a capture, keys sorted.
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
        writer.member("master_replid", masterReplid)
        writer.member("nanoseconds", nanoseconds)
        writer.member("offset", offset)
        writer.member("previous", previous)
        writer.member("reason", reason)
        writer.member("redis", redis)
        writer.member("redis_version", redisVersion)
        writer.member("replica_of", replicaOf)
        writer.member("replid", replid)
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

    /// - Returns: nil if it is not a JSON object with `event`, or if a member above has the wrong type.
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
            redis = try tree.text("redis")
            replicaOf = try tree.text("replica_of")
            masterReplid = try tree.text("master_replid")
            replid = try tree.text("replid")
            offset = try tree.number("offset")
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

/// A member has the wrong type.
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
