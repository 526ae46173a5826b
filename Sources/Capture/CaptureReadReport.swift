package import Backplane
package import MCAP

/// One envelope of a capture. The payload is valid only during the call.
package struct CapturedEnvelope {
    /// The event key, or prefix and type of the hub.
    package let channel: String
    /// How ``payload`` is to be read: ``EnvelopeView``.
    package let form: EnvelopeForm
    /// Nanoseconds since 1970.
    package let receivedAt: UInt64
    /// As recorded: the published bytes including the id, or a ``CoreRecord``.
    package let payload: UnsafeRawBufferPointer

    /// - Parameter payload: must be valid as long as the envelope is used.
    package init(
        channel: String, form: EnvelopeForm = .signalR2, receivedAt: UInt64, payload: UnsafeRawBufferPointer
    ) {
        self.channel = channel
        self.form = form
        self.receivedAt = receivedAt
        self.payload = payload
    }
}

/// What a capture holds, in its order.
package enum CaptureItem {
    case envelope(CapturedEnvelope)
    /// What happened to the recording, and when, in nanoseconds since 1970.
    case event(CaptureEvent, at: UInt64)
}

/// What reading found, besides the items.
package struct CaptureReadReport: Sendable {
    /// One file, and how it was found.
    package struct Segment: Sendable {
        /// How the file ends.
        package enum State: String, Sendable {
            /// Closed with its summary.
            case closed
            /// A relay is writing it.
            case recording
            /// Its relay died; readers open it anyway.
            case unclosed
            /// It ends in the middle.
            case cut
        }

        /// As given, or found in the directory.
        package let path: String
        /// Bytes of the file.
        package internal(set) var size: UInt64
        /// How the file ends.
        package var state: State
        /// Envelopes read from it and passed on; those not selected do not count.
        package var envelopes = 0
        /// As its start says; nil if it does not say.
        var channels: [String]?
        /// nil if the segment does not say, or is not closed.
        package var ending: SegmentEnding?
    }

    /// Damage of one file.
    package struct SegmentDamage: Sendable, CustomStringConvertible {
        /// The file.
        package let path: String
        /// Where in the file, and what.
        package let damage: Damage

        package var description: String { "\(path): \(damage)" }
    }

    /// The files in reading order.
    package internal(set) var segments: [Segment] = []
    /// Empty if the segment is intact.
    package internal(set) var damage: [SegmentDamage] = []
    /// Skipped messages of other programs, by topic; the first 100 topics.
    package internal(set) var foreignTopics: [String: Int] = [:]
    /// Messages of topics beyond those.
    package internal(set) var otherForeign = 0
    /// Events about envelopes that were recorded and then lost.
    package internal(set) var losses: [CaptureEvent] = []
    var account = RecordingAccount()

    /// Whether the recording is whole according to its events.
    package var verdict: RecordingVerdict { account.verdict(isDamaged: !damage.isEmpty || !losses.isEmpty) }
    /// Channels for which it is unknown whether ids are missing.
    package var doubts: OrdinalNameMap<RecordingDoubt> { account.doubts }

    /// The capture contains envelopes without ids, so only a replication stream can tell its completeness.
    package var hasWireWithoutIDs: Bool { account.hasWireWithoutIDs }

    /// What the offsets of a replication stream say about completeness.
    package var replication: ReplicationProof { account.replication }
    /// Upper bound of the envelopes of all channels that interruptions lost, by markers; nil if no such interruption was
    /// recorded.
    package var missingAtMost: Int? { account.missingAtMost }

    /// Nothing read yet.
    package init() {}

    /// Bytes of the files that could not be used.
    package var unreadBytes: UInt64 { damage.reduce(0) { $0 + $1.damage.unreadBytes } }

    mutating func countForeign(_ topic: String) {
        if foreignTopics[topic] != nil || foreignTopics.count < 100 {
            foreignTopics[topic, default: 0] += 1
        } else {
            otherForeign += 1
        }
    }

    /// Losses in words.
    package var lossDescriptions: [String] {
        losses.map { event in
            let ids = event.from.flatMap { from in event.to.map { "ids \(from)..\($0)" } } ?? "ids unknown"
            let count = event.envelopes ?? 0
            let (was, isGone) = count == 1 ? ("was", "is gone") : ("were", "are gone")
            return
                "\(event.channel ?? "all channels"): \(Quantity.text(count, "envelope")) (\(ids)) \(was) recorded in "
                + "'\(event.segment ?? "?")' and \(isGone): \(event.cause ?? "unknown")"
        }
    }
}

extension CaptureReadReport.Segment.State {
    init(_ ending: Ending, isLive: Bool) {
        switch ending {
        case .closed: self = .closed
        case .unclosed: self = isLive ? .recording : .unclosed
        case .cut: self = .cut
        }
    }
}
