package import Backplane

/// Reads several captures of one backplane in parallel, in constant memory: it holds what was received within the
/// horizon.
package struct CaptureAlignment {
    /// Default for the maximum difference between the recording machines' clocks, in nanoseconds.
    package static let defaultHorizon: UInt64 = 5_000_000_000

    /// An envelope, and which of the captures have it.
    package struct Envelope {
        /// The event key, or prefix and type of the hub.
        package let channel: String
        /// How to read the payload.
        package var form = EnvelopeForm.signalR2
        /// nil if the wire has no ids, or the payload does not begin with one.
        package let id: UInt64?
        /// Nanoseconds since 1970, the earliest of all inputs.
        package let receivedAt: UInt64
        /// As recorded.
        package let payload: [UInt8]
        /// Indexes of the inputs that have it.
        package let inputs: Set<Int>
        /// Another payload has the same id.
        package let isConflict: Bool
        /// Preceding ids that no input has.
        package let missing: ClosedRange<UInt64>?
        /// The last id before a counter reset directly before this envelope.
        package let resetFrom: UInt64?
    }

    /// What comes next in the order of all captures.
    package enum Item {
        case envelope(Envelope)
        /// An event of one input that concerns more than ids.
        case event(CaptureEvent, at: UInt64, input: Int)
    }

    /// The clocks differ by more than the horizon.
    package struct ClocksDiffer: Error, CustomStringConvertible {
        /// The event key.
        package let channel: String
        /// Id of the envelope that arrived too late.
        package let id: UInt64
        /// The horizon that was exceeded, in nanoseconds.
        package let horizon: UInt64

        package var description: String {
            "'\(channel)' id \(id) comes more than \(horizon / 1_000_000_000) s after what follows it: the clocks of the recording machines differ by more, or these captures are not of the same Redis; allow a larger difference between the clocks"
        }
    }

    /// Maximum number of recordings.
    static let maximumInputs = 64

    /// Recordings, with the index of the input each belongs to.
    private let recordings: [(input: Int, segments: [CaptureSegment])]
    private let inputs: Int
    private let selection: CaptureSelection
    private let horizon: UInt64
    private var aligners: OrdinalNameMap<EnvelopeAligner> = [:]
    private var cursors: [CaptureCursor] = []
    /// Envelopes without ids in order of time, and the recording of each of their channels.
    private var withoutIDs: [Envelope] = []
    private var owners: OrdinalNameMap<Int> = [:]

    /// - Parameter captures: 2 to 64.
    package init(
        _ captures: [CaptureReader], selection: CaptureSelection = .all,
        horizon: UInt64 = CaptureAlignment.defaultHorizon
    ) {
        // Each capture may itself consist of several relays' recordings.
        recordings = captures.enumerated().flatMap { input, capture in capture.recordings.map { (input, $0) } }
        inputs = captures.count
        self.selection = selection
        self.horizon = horizon
    }

    /// Aligns the recordings of one capture.
    init(recordingsOf capture: CaptureReader, selection: CaptureSelection) {
        recordings = capture.recordings.enumerated().map { ($0, $1) }
        inputs = recordings.count
        self.selection = selection
        horizon = capture.horizon
    }

    /// The segments read so far.
    var read: [CaptureReadReport.Segment] { cursors.flatMap(\.read) }
    var damage: [CaptureReadReport.SegmentDamage] { cursors.flatMap(\.damage) }

    /// Hands out everything, each channel in the order of its ids.
    ///
    /// - Parameter advanced: receives the number of bytes read since the last call.
    /// - Returns: what could not be read.
    /// - Throws: ``ClocksDiffer``, ``CoreNotAligned``, ``CaptureError``, errors of `body`.
    package mutating func forEach(
        advanced: ((UInt64) -> Void)? = nil, _ body: (Item) throws -> Void
    ) throws -> [CaptureReadReport.SegmentDamage] {
        guard recordings.count <= Self.maximumInputs else {
            throw CaptureError.tooManyRecordings(recordings.count, limit: Self.maximumInputs)
        }
        cursors = recordings.map { CaptureCursor($0.segments, selection, advanced: advanced) }
        var released: UInt64 = 0
        while let (input, item) = try Self.earliest(cursors) {
            let time = item.time > horizon ? item.time - horizon : 0
            // Released in steps of a tenth of the horizon, not at each envelope.
            if time > released + horizon / 10 {
                released = time
                try release(before: time, body)
            }
            switch item {
            case .event(let event, let time):
                try body(.event(event, at: time, input: recordings[input].input))
            case .envelope(let channel, let form, _, let receivedAt, let payload) where form != .signalR2:
                guard owners[channel, default: input] == input else {
                    throw CoreNotAligned(channel: channel, purpose: Self.besideEachOther)
                }
                owners[channel] = input
                withoutIDs.append(
                    Envelope(
                        channel: channel, form: form, id: nil, receivedAt: receivedAt, payload: payload,
                        inputs: [recordings[input].input], isConflict: false, missing: nil, resetFrom: nil))
            case .envelope(let channel, _, let id, let receivedAt, let payload):
                do {
                    try aligners[channel, default: EnvelopeAligner(inputs: cursors.count, horizon: horizon)]
                        .add(
                            id: id, receivedAt: receivedAt, createdAt: payload.withUnsafeBytes(PublishTime.of),
                            payload: payload, from: input)
                } catch {
                    throw ClocksDiffer(channel: channel, id: error.id, horizon: horizon)
                }
            }
        }
        try release(before: .max, body)
        return damage
    }

    private static let besideEachOther =
        "recordings that overlap cannot be read as one; name the files of one relay, or select other channels"

    private static func earliest(_ cursors: [CaptureCursor]) throws -> (Int, CaptureCursor.Item)? {
        var first: (input: Int, time: UInt64)?
        for (index, cursor) in cursors.enumerated() {
            guard let time = try cursor.peek()?.time else { continue }
            if first.map({ time < $0.time }) ?? true { first = (index, time) }
        }
        guard let first, let item = try cursors[first.input].next() else { return nil }
        return (first.input, item)
    }

    private mutating func release(before time: UInt64, _ body: (Item) throws -> Void) throws {
        var ready: [Envelope] = []
        for channel in aligners.keys.sorted() {
            for aligned in aligners[channel]?.release(before: time) ?? [] {
                ready.append(
                    Envelope(
                        channel: channel, id: aligned.id, receivedAt: aligned.receivedAt, payload: aligned.payload,
                        inputs: Set(
                            recordings.indices.filter { aligned.inputs & (1 << UInt64($0)) != 0 }
                                .map { recordings[$0].input }),
                        isConflict: aligned.isConflict, missing: aligned.missing, resetFrom: aligned.resetFrom))
            }
        }
        let due = withoutIDs.prefix { $0.receivedAt < time }
        ready += due
        withoutIDs.removeFirst(due.count)
        for envelope in ChannelOrder.interleaved(ready) { try body(.envelope(envelope)) }
    }
}

/// Interleaves channels by time without changing the order within one.
enum ChannelOrder {
    /// - Parameter envelopes: channel after channel.
    static func interleaved(_ envelopes: [CaptureAlignment.Envelope]) -> [CaptureAlignment.Envelope] {
        var latest: OrdinalNameMap<UInt64> = [:]
        // An envelope is placed no earlier than its predecessor on the channel.
        let times = envelopes.map { envelope in
            let time = max(latest[envelope.channel] ?? 0, envelope.receivedAt)
            latest[envelope.channel] = time
            return time
        }
        return envelopes.indices.sorted { (times[$0], $0) < (times[$1], $1) }.map { envelopes[$0] }
    }
}

enum PublishTime {
    /// The publisher's clock, nanoseconds since 1970; nil if the payload has none.
    static func of(_ payload: UnsafeRawBufferPointer) -> UInt64? {
        guard var walk = try? EnvelopeWalk(payload) else { return nil }
        // The position of the time is known only after the messages.
        while (try? walk.next()) != nil {}
        return DotNetTicks(rawValue: walk.createdTicks).unixNanoseconds.flatMap { UInt64(exactly: $0) }
    }
}
