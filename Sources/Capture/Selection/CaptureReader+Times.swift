import MCAP
import Time

/// When the first and last envelopes of a capture were received.
///
/// A closed segment costs its summary and at most one chunk, whatever its size; an unclosed one is read completely.
extension CaptureReader {
    /// True while a relay is writing one of the segments.
    package func isBeingRecorded() throws(CaptureError) -> Bool {
        for segment in segments where try segment.openFile().isLive { return true }
        return false
    }

    /// Nanoseconds since 1970; nil without envelopes.
    package func firstReceivedAt() throws -> UInt64? {
        var first: UInt64?
        for (segment, bound) in try bounded(by: { $0?.lowerBound ?? 0 }).sorted(by: { $0.bound < $1.bound }) {
            if let first, bound >= first { break }
            if let time = try Self.firstTime(in: segment) { first = min(first ?? time, time) }
        }
        return first
    }

    /// Nanoseconds since 1970; nil without envelopes.
    package func lastReceivedAt() throws -> UInt64? {
        var last: UInt64?
        for (segment, bound) in try bounded(by: { $0?.upperBound ?? .max }).sorted(by: { $0.bound > $1.bound }) {
            if let last, bound <= last { break }
            if let time = try Self.lastTime(in: segment) { last = max(last ?? time, time) }
        }
        return last
    }

    /// The segments, each with bounds of its times. A summary includes events, so it gives bounds only.
    private func bounded(
        by bound: (ClosedRange<UInt64>?) -> UInt64
    ) throws -> [(segment: CaptureSegment, bound: UInt64)] {
        // With a single segment there is nothing to skip.
        try segments.map { ($0, bound(segments.count > 1 ? try Self.times(of: $0) : nil)) }
    }

    // MARK: - One segment

    /// First and last time of all messages, including events; nil without a summary.
    private static func times(of segment: CaptureSegment) throws -> ClosedRange<UInt64>? {
        guard let reader = try indexed(segment, until: 0), let statistics = reader.statistics,
            statistics.startTime <= statistics.endTime
        else { return nil }
        return statistics.startTime...statistics.endTime
    }

    private static func firstTime(in segment: CaptureSegment) throws -> UInt64? {
        if let reader = try indexed(segment) {
            for index in reader.chunks(channelIDs: envelopeChannels(reader.channels)) {
                if let chunk = try? reader.read(index), let times = envelopeTimes(in: chunk) {
                    return times.lowerBound
                }
            }
            return nil
        }
        return try scan(segment) { _ in false }?.lowerBound
    }

    static func lastTime(in segment: CaptureSegment) throws -> UInt64? {
        if let reader = try indexed(segment) {
            for index in reader.chunks(channelIDs: envelopeChannels(reader.channels)).reversed() {
                if let chunk = try? reader.read(index), let times = envelopeTimes(in: chunk) {
                    return times.upperBound
                }
            }
            return nil
        }
        return try scan(segment) { _ in true }?.upperBound
    }

    /// nil if the segment has no intact summary: then it is read from its start.
    private static func indexed(_ segment: CaptureSegment, until: UInt64? = nil) throws -> MCAPIndexedReader? {
        do {
            return try MCAPIndexedReader(try segment.openFile(), until: until)
        } catch is NoSummary {
            return nil
        } catch is Damage {
            return nil
        }
    }

    private static func scan(
        _ segment: CaptureSegment, goesOn: (ClosedRange<UInt64>) -> Bool
    ) throws -> ClosedRange<UInt64>? {
        let source = try segment.openFile()
        let reader = MCAPStreamReader(source, tailMayGrow: source.isLive)
        var found: ClosedRange<UInt64>?
        while let item = try reader.next() {
            guard case .chunk(let chunk) = item, let times = envelopeTimes(in: chunk) else { continue }
            let all = min(found?.lowerBound ?? .max, times.lowerBound)...max(found?.upperBound ?? 0, times.upperBound)
            found = all
            if !goesOn(all) { break }
        }
        return found
    }

    private static func envelopeChannels(_ channels: [UInt16: Channel]) -> Set<UInt16> {
        Set(channels.values.filter { $0.form != nil }.map(\.id))
    }

    /// First and last time of the chunk's envelopes; nil without any.
    private static func envelopeTimes(in chunk: DecodedChunk) -> ClosedRange<UInt64>? {
        let channels = envelopeChannels(chunk.channels)
        var first = UInt64.max
        var last: UInt64 = 0
        chunk.forEachMessage { (message: ChunkMessage) in
            guard channels.contains(message.channelID) else { return }
            first = min(first, message.logTime)
            last = max(last, message.logTime)
        }
        return first <= last ? first...last : nil
    }
}

/// The ends of a capture, to which relative times refer; each is read once, and only if needed.
package struct CaptureEnds {
    private let capture: CaptureReader
    private let now: UInt64
    private var start: UInt64?
    private var end: UInt64?

    /// - Parameter now: nanoseconds since 1970.
    package init(of capture: CaptureReader, now: UInt64) {
        self.capture = capture
        self.now = now
    }

    /// Nanoseconds since 1970. In a capture without envelopes any time will do: 0 and later.
    ///
    /// - Throws: ``CaptureError`` if the end that the time refers to cannot be read.
    package mutating func resolve(_ time: TimePoint) throws -> UInt64 {
        if case .at(let time) = time { return time }
        // Reading it would consume the stream.
        if let stream = capture.segments.first(where: { $0.stream != nil }) {
            throw CaptureError.readOnce(path: stream.path)
        }
        switch time {
        case .at(let time):
            return time
        case .clock(let clock):
            return try LocalTime.last(clock: clock, upTo: resolve(.beforeEnd(0)))
        case .afterStart(let distance):
            let known = try start ?? capture.firstReceivedAt() ?? 0
            start = known
            let (time, overflow) = known.addingReportingOverflow(distance)
            return overflow ? .max : time
        case .beforeEnd(let distance):
            let known = try end ?? (capture.isBeingRecorded() ? now : capture.lastReceivedAt() ?? 0)
            end = known
            return known > distance ? known - distance : 0
        }
    }
}

/// A time as given by an operator: absolute, or relative to an end of the capture; ``CaptureEnds`` resolves it.
package enum TimePoint: Sendable, Equatable {
    /// Nanoseconds since 1970.
    case at(UInt64)
    /// Nanoseconds since local midnight: the last such time before the capture's end.
    case clock(UInt64)
    /// Nanoseconds after the capture's first envelope.
    case afterStart(UInt64)
    /// Nanoseconds before the capture's last envelope; before now while it is being recorded.
    case beforeEnd(UInt64)
}
