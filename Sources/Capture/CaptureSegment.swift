import MCAP
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One file of a capture, described by its start.
package struct CaptureSegment: Sendable, Equatable {
    package let path: String
    /// Bytes of the file when it was examined.
    package let size: UInt64
    /// When it was started, nanoseconds since 1970; 0 if its start cannot be read.
    package let startedAt: UInt64
    /// Where it was recorded; nil if its start cannot be read or another program wrote it.
    package let source: CaptureSource?
    /// File name of the previous segment; nil if unknown.
    package let previous: String?
    /// Id of the relay process that wrote it; nil if its start cannot be read or an earlier version wrote it.
    package let recordingID: String?
    /// What was recorded from its start on; nil if it does not say.
    let channels: [String]?

    /// The stream to read instead of the file at the path.
    let stream: CaptureStream?
    /// An unnamed copy.
    private let copy: SpooledCopy?
    /// True if the user named the file: then it must be a capture, not just look like one.
    let isNamed: Bool

    /// - Parameter isNamed: if true, a file without MCAP data is an error; otherwise the reading reports it.
    /// - Throws: ``CaptureError`` if the file cannot be opened or read. Damage is reported by the reading.
    init(path: String, isNamed: Bool = false) throws(CaptureError) {
        let file = try FileSource(path: path)
        try self.init(
            path: path, size: file.size, stream: nil, copy: nil, isNamed: isNamed, start: file, isLive: file.isLive)
    }

    init(stream: CaptureStream) throws(CaptureError) {
        try self.init(
            path: stream.name, size: 0, stream: stream, copy: nil, isNamed: true, start: stream.start(), isLive: false)
    }

    init(spooling stream: CaptureStream) throws(CaptureError) {
        let copy = SpooledCopy(descriptor: try stream.spool())
        let file = try FileSource(path: copy.path)
        try self.init(
            path: stream.name, size: file.size, stream: nil, copy: copy, isNamed: true, start: file, isLive: false)
    }

    private init(
        path: String, size: UInt64, stream: CaptureStream?, copy: SpooledCopy?, isNamed: Bool,
        start bytes: any ByteSource,
        isLive: Bool
    ) throws(CaptureError) {
        self.path = path
        self.size = size
        self.stream = stream
        self.copy = copy
        self.isNamed = isNamed
        var start: Metadata?
        do {
            if let stream { stream.beginning = try ForeignBytes.start(of: bytes) }
            start = try Self.startMetadata(of: bytes, path: path, isNamed: isNamed && !isLive)
        } catch let error as CaptureError {
            throw error
        } catch {
            throw .notACapture(path: path, reason: "\(error)")
        }
        startedAt = start?.entries[CaptureMetadata.Key.startedAt].flatMap(UTCTime.parse) ?? 0
        previous = start?.entries[CaptureMetadata.Key.previousSegment]
        recordingID = start?.entries[CaptureMetadata.Key.recordingID]
        channels = start.flatMap { CaptureMetadata.channels(in: $0.entries) }
        source = start.map { metadata in
            CaptureSource(
                relayVersion: metadata.entries[CaptureMetadata.Key.relayVersion] ?? "",
                host: metadata.entries[CaptureMetadata.Key.host] ?? "",
                redis: metadata.entries[CaptureMetadata.Key.redis] ?? "",
                runID: metadata.entries[CaptureMetadata.Key.runID],
                redisVersion: metadata.entries[CaptureMetadata.Key.redisVersion],
                payload: metadata.entries[CaptureMetadata.Key.payload].flatMap(PayloadMode.init) ?? .full,
                redactedKeys: CaptureMetadata.strings(metadata.entries[CaptureMetadata.Key.redactedKeys]),
                hashesNames: metadata.entries[CaptureMetadata.Key.names] == "hash")
        }
    }

    /// Opens it for reading.
    ///
    /// - Throws: ``CaptureError``, also for a stream that was already read.
    func open() throws(CaptureError) -> (source: any ByteSource, isLive: Bool) {
        if let stream { return (try stream.take(), false) }
        let file = try openFile()
        return (file, file.isLive)
    }

    /// Opens it for random access.
    ///
    /// - Throws: ``CaptureError``, also for a stream.
    func openFile() throws(CaptureError) -> FileSource {
        guard stream == nil else { throw .readOnce(path: path) }
        return try FileSource(path: copy?.path ?? path)
    }

    /// The metadata record at its start; nil if it is damaged, or for a stream.
    func startMetadata() throws -> Metadata? {
        guard stream == nil else { return nil }
        return try Self.startMetadata(of: openFile(), path: path, isNamed: false)
    }

    /// The metadata record before the first chunk; nil if it is damaged.
    private static func startMetadata(of source: any ByteSource, path: String, isNamed: Bool) throws -> Metadata? {
        let start = try ForeignBytes.start(of: source)
        if isNamed, !ForeignBytes.beginsAsMCAP(start) {
            if start.isEmpty { throw ForeignBytes.error(start, path: path) }
            if let error = ForeignBytes.compression(start, path: path) { throw error }
        }
        // A stream that begins with something else is searched once, when it is read.
        if source.isStream, !ForeignBytes.beginsAsMCAP(start) { return nil }
        let reader = MCAPStreamReader(source, tailMayGrow: !source.isStream, readAhead: 4_096)
        while let item = try reader.next() {
            switch item {
            case .header: break
            case .metadata(let metadata) where metadata.name == CaptureMetadata.startName: return metadata
            case .metadata, .chunk: return nil
            case .end:
                if isNamed, !reader.foundAnything { throw ForeignBytes.error(start, path: path) }
                return nil
            }
        }
        return nil
    }
}

/// An unnamed file, open while anything may read it.
final class SpooledCopy: Sendable, Equatable {
    private let descriptor: CInt
    var path: String { "/proc/self/fd/\(descriptor)" }

    init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    static func == (one: SpooledCopy, other: SpooledCopy) -> Bool { one === other }
}
