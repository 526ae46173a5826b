import MCAP
import Time

/// What only a segment of backplane-relay has at its start.
struct SegmentStart {
    /// Nanoseconds since 1970.
    let startedAt: UInt64

    /// - Returns: nil if the file is not a segment of backplane-relay.
    /// - Throws: ``CaptureError`` if it cannot be read.
    init?(of source: FileSource) throws {
        let reader = MCAPStreamReader(source, tailMayGrow: true)
        guard case .header(let header)? = try reader.next(), header.profile == CaptureMetadata.profile,
            case .metadata(let metadata)? = try reader.next(), metadata.name == CaptureMetadata.startName,
            reader.damages.isEmpty,
            let startedAt = metadata.entries[CaptureMetadata.Key.startedAt].flatMap(UTCTime.parse)
        else { return nil }
        self.startedAt = startedAt
    }
}
