import Backplane
import MCAP

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
