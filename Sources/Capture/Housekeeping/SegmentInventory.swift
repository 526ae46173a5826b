import MCAP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The segments of a directory, of this run and of earlier ones, of this relay and of others.
///
/// What a file says at its own start decides whether it is one, not its name. Looks into a file once, as long as it does
/// not change.
public struct SegmentInventory: Sendable {
    private struct Identity: Hashable {
        var device: dev_t
        var inode: ino_t
        var size: UInt64
        var modified: UInt64
    }

    public let directory: String
    /// nil for a file that is no segment of ours.
    private var known: [Identity: StoredSegment?] = [:]

    public init(directory: String) {
        self.directory = directory
    }

    /// The segments as they are now, in the order of time.
    ///
    /// - Throws: ``CaptureError`` if the directory cannot be listed. A file that cannot be read is left out.
    public mutating func scan() throws(CaptureError) -> [StoredSegment] {
        var segments: [StoredSegment] = []
        var seen: [Identity: StoredSegment?] = [:]
        for name in try CaptureDirectory.names(in: directory) {
            guard let identity = identity(of: name) else { continue }
            let found: StoredSegment?
            if let remembered = known[identity], remembered?.isOpen != true {
                found = remembered
            } else {
                found = Self.examine(name, in: directory, identity.modified)
            }
            seen[identity] = .some(found)
            guard var segment = found else { continue }
            segment.name = name
            segment.isArchived = ArchiveMarker.exists(for: name, in: directory)
            segments.append(segment)
        }
        known = seen
        return segments.sorted { ($0.startedAt, $0.name) < ($1.startedAt, $1.name) }
    }

    /// nil for what is no regular file; a symbolic link is none.
    private func identity(of name: String) -> Identity? {
        var status = stat()
        guard lstat(directory + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Identity(
            device: status.st_dev, inode: status.st_ino, size: UInt64(max(0, status.st_size)),
            modified: UInt64(max(0, status.st_mtim.tv_sec)) * 1_000_000_000 + UInt64(status.st_mtim.tv_nsec))
    }

    /// - Returns: nil if it is no segment of ours, or cannot be read.
    static func examine(_ name: String, in directory: String, _ modified: UInt64) -> StoredSegment? {
        guard let source = try? FileSource(path: directory + "/" + name, followsLinks: false),
            let start = try? SegmentStart(of: source)
        else { return nil }
        var segment = StoredSegment(
            name: name, size: source.size, startedAt: start.startedAt, endedAt: modified, isOpen: source.isLive,
            isClosed: false)
        guard !source.isLive, let reader = try? MCAPIndexedReader(source) else { return segment }
        segment.isClosed = true
        guard let index = reader.metadataIndexes.last(where: { $0.name == CaptureMetadata.endName }),
            let end = try? reader.read(index).entries
        else { return segment }
        segment.endedAt = end[CaptureMetadata.Key.endedAt].flatMap(UTCTime.parse) ?? modified
        segment.ids = ids(end)
        segment.missingIDs = CaptureMetadata.missingIDs(in: end)
        return segment
    }

    private static func ids(_ end: [String: String]) -> [String: ClosedRange<UInt64>] {
        let firstIDs = CaptureMetadata.firstIDs(in: end)
        var ids: [String: ClosedRange<UInt64>] = [:]
        for (channel, last) in CaptureMetadata.lastIDs(in: end) {
            guard let first = firstIDs[channel] else { continue }
            ids[channel] = min(first, last)...max(first, last)
        }
        return ids
    }
}
