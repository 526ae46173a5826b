import MCAP
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One file of a capture, described by its start.
package struct CaptureSegment: Sendable, Equatable {
    /// As given, or found in the directory; for a stream the name shown in messages.
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
            var source = CaptureSource(
                relayVersion: metadata.entries[CaptureMetadata.Key.relayVersion] ?? "",
                host: metadata.entries[CaptureMetadata.Key.host] ?? "",
                redis: metadata.entries[CaptureMetadata.Key.redis] ?? "",
                runID: metadata.entries[CaptureMetadata.Key.runID],
                redisVersion: metadata.entries[CaptureMetadata.Key.redisVersion],
                payload: metadata.entries[CaptureMetadata.Key.payload].flatMap(PayloadMode.init) ?? .full,
                redactedKeys: CaptureMetadata.strings(metadata.entries[CaptureMetadata.Key.redactedKeys]),
                hashesNames: metadata.entries[CaptureMetadata.Key.names] == "hash")
            source.masterReplid = metadata.entries[CaptureMetadata.Key.masterReplid]
            return source
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

/// A segment opened for reading.
package final class FileSource: ByteSource {
    /// For messages; the file is open already.
    package let path: String
    /// True if a writer held the segment's lock at opening: its tail may be incomplete.
    package let isLive: Bool
    private let descriptor: CInt

    package convenience init(path: String) throws(CaptureError) {
        try self.init(path: path, followsLinks: true)
    }

    init(path: String, followsLinks: Bool) throws(CaptureError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .notFound(path: path) : .system(operation: "open", path: path, errno: errno)
        }
        self.path = path
        self.descriptor = descriptor
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
            flock(descriptor, LOCK_UN)
            isLive = false
        } else {
            isLive = errno == EWOULDBLOCK
        }
    }

    deinit {
        close(descriptor)
    }

    /// Bytes, asked of the file system: a live segment grows.
    package var size: UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return 0 }
        return UInt64(max(0, status.st_size))
    }

    /// Reads until the buffer is full or the file ends.
    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset) + off_t(done))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw CaptureError.system(operation: "read", path: path, errno: errno)
            }
            done += count
        }
        return done
    }
}

/// Identifies a file that is not MCAP by its first bytes.
enum ForeignBytes {
    private static let magic: [UInt8] = [0x89, 0x4D, 0x43, 0x41, 0x50, 0x30, 0x0D, 0x0A]
    private static let lookedAt = 512

    private static let compressions: [(magic: [UInt8], name: String, tool: String, suffixes: [String])] = [
        ([0x1F, 0x8B], "gzip", "gzip -dc", [".gz"]),
        ([0x28, 0xB5, 0x2F, 0xFD], "zstd", "zstd -dc", [".zst", ".zstd"]),
        ([0x04, 0x22, 0x4D, 0x18], "lz4", "lz4 -dc", [".lz4"]),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz", "xz -dc", [".xz"]),
        ([0x42, 0x5A, 0x68], "bzip2", "bzip2 -dc", [".bz2"]),
        ([0x50, 0x4B, 0x03, 0x04], "zip", "unzip -p", [".zip"]),
    ]

    /// The start of a source.
    static func start(of source: any ByteSource) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: lookedAt)
        let count = try bytes.withUnsafeMutableBytes { try source.read(at: 0, into: $0, atLeast: magic.count) }
        return Array(bytes.prefix(count))
    }

    /// True if a file with this start may be MCAP, possibly cut off.
    static func beginsAsMCAP(_ start: [UInt8]) -> Bool {
        !start.isEmpty && (start.starts(with: magic) || magic.starts(with: start))
    }

    /// A compressed file cannot be MCAP and need not be searched; nil if it is not compressed.
    static func compression(_ start: [UInt8], path: String) -> CaptureError? {
        guard let found = compressions.first(where: { start.starts(with: $0.magic) }) else { return nil }
        return .compressed(path: path, by: found.name, tool: found.tool)
    }

    /// The error for a file without any MCAP data.
    static func error(_ start: [UInt8], path: String) -> CaptureError {
        if start.isEmpty { return .notMCAP(path: path, what: "is empty, not an MCAP file") }
        if let error = compression(start, path: path) { return error }
        let isText = start.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) || $0 == 0x1B }
        return .notMCAP(
            path: path, what: isText ? "is text, not an MCAP file" : "is not an MCAP file and contains no part of one")
    }

    /// The first name that looks like a compressed segment.
    static func compressedName(in names: [String]) -> (name: String, tool: String)? {
        for name in names {
            for compression in compressions
            where compression.suffixes.contains(where: { name.hasSuffix(SegmentName.fileExtension + $0) }) {
                return (name, compression.tool)
            }
        }
        return nil
    }
}
