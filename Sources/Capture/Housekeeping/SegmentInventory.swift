package import Backplane
import MCAP
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The segments of a directory, of all runs and relays.
///
/// A file is a segment by its contents, not by its name. Each file is read once unless it changes.
package struct SegmentInventory: Sendable {
    private struct Identity: Hashable {
        var device: dev_t
        var inode: ino_t
        var size: UInt64
        var modified: UInt64
    }

    /// The capture's.
    package let directory: String
    /// nil for a file that is not a segment of backplane-relay.
    private var known: [Identity: StoredSegment?] = [:]

    /// - Parameter directory: the record directory; read by ``scan()``.
    package init(directory: String) {
        self.directory = directory
    }

    /// The current segments, in order of time.
    ///
    /// - Throws: ``CaptureError`` if the directory cannot be listed. Unreadable files are left out.
    package mutating func scan() throws(CaptureError) -> [StoredSegment] {
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

    /// nil if it is not a regular file; symbolic links are not followed.
    private func identity(of name: String) -> Identity? {
        var status = stat()
        guard lstat(directory + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Identity(
            device: status.st_dev, inode: status.st_ino, size: UInt64(max(0, status.st_size)),
            modified: UInt64(max(0, status.st_mtim.tv_sec)) * 1_000_000_000 + UInt64(status.st_mtim.tv_nsec))
    }

    /// - Returns: nil if it is not a segment of backplane-relay, or cannot be read.
    static func examine(_ name: String, in directory: String, _ modified: UInt64) -> StoredSegment? {
        guard let source = try? FileSource(path: directory + "/" + name, followsLinks: false),
            let start = try? SegmentStart(of: source)
        else { return nil }
        var segment = StoredSegment(
            name: name, size: source.size, startedAt: start.startedAt, endedAt: modified, isOpen: source.isLive,
            isClosed: false)
        guard !source.isLive, let reader = summaryReader(of: source) else { return segment }
        segment.isClosed = true
        guard let end = end(in: reader) else { return segment }
        segment.endedAt = end[CaptureMetadata.Key.endedAt].flatMap(UTCTime.parse) ?? modified
        segment.missingIDs = CaptureMetadata.missingIDs(in: end)
        return segment
    }

    /// Reads the summary without chunk indexes: there may be thousands, each with a thousand channels.
    private static func summaryReader(of source: FileSource) -> MCAPIndexedReader? {
        try? MCAPIndexedReader(source, from: .max)
    }

    private static func end(in reader: MCAPIndexedReader) -> [String: String]? {
        reader.metadataIndexes.last { $0.name == CaptureMetadata.endName }.flatMap { try? reader.read($0).entries }
    }

    /// First ids of an open segment by Redis channel, for the channels in its first chunks.
    package static func firstIDs(ofOpen name: String, in directory: String) -> OrdinalNameMap<UInt64> {
        guard let source = try? FileSource(path: directory + "/" + name, followsLinks: false) else { return [:] }
        let reader = MCAPStreamReader(source, tailMayGrow: true)
        var ids: OrdinalNameMap<UInt64> = [:]
        var chunks = 0
        while chunks < 4, let item = try? reader.next() {
            guard case .chunk(let chunk) = item else { continue }
            chunks += 1
            chunk.forEachMessage { (message: ChunkMessage) in
                guard let channel = chunk.channels[message.channelID],
                    channel.messageEncoding == CaptureMetadata.envelopeEncoding, ids[channel.topic] == nil
                else { return }
                ids[channel.topic] = try? EnvelopeID.parse(message.data).id
            }
        }
        return ids
    }

    /// First to last id by Redis channel, from the end of a closed segment. Not cached: there may be hundreds of
    /// segments with a thousand channels each.
    package static func ids(of name: String, in directory: String) -> OrdinalNameMap<ClosedRange<UInt64>> {
        guard let source = try? FileSource(path: directory + "/" + name, followsLinks: false), !source.isLive,
            let reader = summaryReader(of: source), let end = end(in: reader)
        else { return [:] }
        let firstIDs = CaptureMetadata.firstIDs(in: end)
        var ids: OrdinalNameMap<ClosedRange<UInt64>> = [:]
        for (channel, last) in CaptureMetadata.lastIDs(in: end) {
            guard let first = firstIDs[channel] else { continue }
            ids[channel] = min(first, last)...max(first, last)
        }
        return ids
    }
}

/// A segment in the record directory, as housekeeping sees it.
package struct StoredSegment: Sendable, Equatable {
    /// File name.
    package var name: String
    /// Bytes of the file.
    package var size: UInt64
    /// Nanoseconds since 1970.
    package var startedAt: UInt64
    /// When it was last written to, nanoseconds since 1970.
    package var endedAt: UInt64
    /// True while a relay holds its lock.
    package var isOpen: Bool
    /// False for one whose relay could not close it.
    package var isClosed: Bool
    /// Missing ids according to its end; nil if unknown: open, unclosed, or after a crash.
    package var missingIDs: UInt64?
    /// Whether the archive command has confirmed it.
    package var isArchived: Bool

    /// The defaults are those of a closed segment that is not archived.
    package init(
        name: String, size: UInt64, startedAt: UInt64, endedAt: UInt64, isOpen: Bool = false, isClosed: Bool = true,
        missingIDs: UInt64? = nil, isArchived: Bool = false
    ) {
        self.name = name
        self.size = size
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.isOpen = isOpen
        self.isClosed = isClosed
        self.missingIDs = missingIDs
        self.isArchived = isArchived
    }
}

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
