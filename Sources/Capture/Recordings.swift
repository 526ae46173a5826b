import Backplane
import MCAP

/// Determines which segments follow each other, and which were recorded in parallel.
///
/// A relay writes one segment after another, and continues after a restart. Two relays that recorded the same channels
/// at the same time wrote the same envelopes: read one after the other, they would look like a counter reset.
struct Recordings {
    /// Consecutive segments in recording order; the recording that ended last comes last.
    let all: [[CaptureSegment]]

    /// - Parameter segments: of one or more directories; duplicates are read once.
    init(_ segments: [CaptureSegment]) {
        var ends = SegmentEnds()
        all = Self.sideBySide(Self.chains(of: segments, &ends), &ends)
    }

    // MARK: - Consecutive segments

    /// Each segment names its predecessor. Times alone are wrong if a clock was set.
    private static func chains(of segments: [CaptureSegment], _ ends: inout SegmentEnds) -> [[CaptureSegment]] {
        var byTime: [CaptureSegment] = []
        var indexes: [String: Int] = [:]
        for segment in segments.sorted(by: { ($0.startedAt, $0.path) < ($1.startedAt, $1.path) })
        where indexes[segment.path] == nil {
            indexes[segment.path] = byTime.count
            byTime.append(segment)
        }
        let next = successors(in: byTime, indexes, &ends)
        let followers = Set(next.values)
        var isTaken = Array(repeating: false, count: byTime.count)
        var chains: [[CaptureSegment]] = []
        // After the heads of chains come those of a cycle; segments already taken end the walk.
        for start in byTime.indices.filter({ !followers.contains($0) }) + byTime.indices where !isTaken[start] {
            var chain: [CaptureSegment] = []
            var index: Int? = start
            while let taken = index, !isTaken[taken] {
                isTaken[taken] = true
                chain.append(byTime[taken])
                index = next[taken]
            }
            chains.append(chain)
        }
        return chains
    }

    /// The successor of each segment: at most one, although two relays may name the same predecessor.
    private static func successors(
        in segments: [CaptureSegment], _ indexes: [String: Int], _ ends: inout SegmentEnds
    ) -> [Int: Int] {
        var candidates: [Int: [Int]] = [:]
        for (index, segment) in segments.enumerated() {
            guard let before = segment.previousPath.flatMap({ indexes[$0] }), before != index else { continue }
            candidates[before, default: []].append(index)
        }
        var successors: [Int: Int] = [:]
        for (before, later) in candidates {
            let previous = segments[before]
            successors[before] =
                later.first { segments[$0].isOfSameRecording(as: previous) }
                ?? later.first { ends.isOver(previous, before: segments[$0]) }
        }
        return successors
    }

    // MARK: - Parallel recordings

    fileprivate struct Lane {
        var segments: [CaptureSegment]
        /// Host of its last segment.
        var host: String?
        /// Nanoseconds since 1970.
        var endedAt: UInt64
    }

    private static func sideBySide(
        _ chains: [[CaptureSegment]], _ ends: inout SegmentEnds
    ) -> [[CaptureSegment]] {
        guard chains.count > 1 else { return chains }
        var lanes: [Lane] = []
        for chain in chains.sorted(by: { $0[0].startedAt < $1[0].startedAt }) {
            let (first, last) = (chain[0], chain[chain.count - 1])
            let lane = Lane(
                segments: chain, host: last.source?.host,
                endedAt: max(first.startedAt, first.source == nil ? 0 : ends.lastTime(of: last) ?? 0))
            // A segment without a start time cannot be shown to overlap.
            let free = lanes.indices.filter { lanes[$0].ended(before: first) || first.source == nil }
            if let index = free.max(by: { lanes[$0].endedAt < lanes[$1].endedAt }) {
                lanes[index].segments += chain
                lanes[index].host = lane.host
                lanes[index].endedAt = max(lanes[index].endedAt, lane.endedAt)
            } else {
                lanes.append(lane)
            }
        }
        return lanes.sorted { $0.endedAt < $1.endedAt }.map(\.segments)
    }
}

extension Recordings.Lane {
    /// Allows for different clocks of two machines.
    fileprivate func ended(before segment: CaptureSegment) -> Bool {
        let distance = host == segment.source?.host ? 0 : CaptureAlignment.defaultHorizon
        let (end, overflow) = endedAt.addingReportingOverflow(distance)
        return !overflow && end <= segment.startedAt
    }
}

extension CaptureSegment {
    /// Path of the previous segment, if it was not moved.
    fileprivate var previousPath: String? {
        previous.map { name in
            path.lastIndex(of: "/").map { path[...$0] + name } ?? name
        }
    }

    fileprivate func isOfSameRecording(as other: CaptureSegment) -> Bool {
        recordingID != nil && recordingID == other.recordingID
    }
}

/// The ends of segments, each read once and only if needed to decide whether one follows another.
struct SegmentEnds {
    private struct End {
        /// Of its last message, nanoseconds since 1970; 0 without any, `UInt64.max` while a relay writes it.
        var lastTime: UInt64
        /// By Redis channel.
        var lastIDs: OrdinalNameMap<UInt64>
    }

    private var known: [String: End?] = [:]

    /// Whether the relay that wrote `previous` had finished when another started `segment`.
    mutating func isOver(_ previous: CaptureSegment, before segment: CaptureSegment) -> Bool {
        guard let end = end(of: previous) else { return true }
        guard end.lastTime < .max else { return false }
        if end.lastTime <= segment.startedAt { return true }
        // Not by its clock. If it starts with the ids at the other one's end, the clock was set.
        guard let start = try? segment.startMetadata() else { return false }
        let ids = CaptureMetadata.lastIDs(in: start.entries)
        let shared = end.lastIDs.filter { ids[$0] != nil }
        return !shared.isEmpty && shared.allSatisfy { ids[$0.key] == $0.value }
    }

    /// Of its last message, nanoseconds since 1970; `UInt64.max` while a relay writes it, nil if it cannot be read.
    mutating func lastTime(of segment: CaptureSegment) -> UInt64? { end(of: segment)?.lastTime }

    private mutating func end(of segment: CaptureSegment) -> End? {
        if let found = known[segment.path] { return found }
        let found = Self.read(segment)
        known[segment.path] = .some(found)
        return found
    }

    private static func read(_ segment: CaptureSegment) -> End? {
        guard let source = try? segment.openFile() else { return nil }
        guard let reader = try? MCAPIndexedReader(source, from: .max) else {
            if source.isLive { return End(lastTime: .max, lastIDs: [:]) }
            guard let lastTime = try? CaptureReader.lastTime(in: segment) else { return nil }
            return End(lastTime: lastTime, lastIDs: (try? OrphanRecovery.ends(of: source))?.lastIDs ?? [:])
        }
        let metadata = reader.metadataIndexes.last { $0.name == CaptureMetadata.endName }
            .flatMap { try? reader.read($0) }
        return End(
            lastTime: reader.statistics?.endTime ?? 0,
            lastIDs: metadata.map { CaptureMetadata.lastIDs(in: $0.entries) } ?? [:])
    }
}
