import MCAP
public import SignalRBackplane

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The record directory.
public enum CaptureDirectory {
    /// What an earlier run left there.
    public struct Previous: Sendable, Equatable {
        /// File name of the newest segment.
        public var segment: String?
        /// Last id recorded, by Redis channel.
        public var lastIDs: OrdinalNameMap<UInt64>

        public init(segment: String? = nil, lastIDs: OrdinalNameMap<UInt64> = [:]) {
            self.segment = segment
            self.lastIDs = lastIDs
        }
    }

    /// Segments that are looked into for the ids of an earlier run, newest first.
    private static let consideredSegments = 50

    /// Makes the directory (mode 0700) if it does not exist, proves that it can be written to, and closes segments that a
    /// crash left open.
    ///
    /// - Parameter log: told of each segment that needed attention.
    /// - Throws: ``CaptureError``.
    public static func prepare(
        _ path: String, at now: Moment, log: (String) -> Void
    ) throws(CaptureError) -> Previous {
        try make(path)
        guard access(path, R_OK | W_OK | X_OK) == 0 else { throw .system(operation: "use", path: path, errno: errno) }
        var segments: [CaptureSegment] = []
        for file in try files(in: path) {
            do {
                if let outcome = try OrphanRecovery.closeIfOrphan(file, at: now) { log(outcome) }
            } catch {
                log("'\(file)' is left as it is: \(error)")
            }
            // An empty one is gone now. One that cannot be closed, on a full disk, still says which ids were recorded.
            if access(file, F_OK) == 0, let segment = try? CaptureSegment(path: file) { segments.append(segment) }
        }
        segments = SegmentOrder.sorted(segments)
        var previous = Previous(segment: segments.last.map { name(of: $0.path) })
        for segment in segments.suffix(consideredSegments) {
            for (channel, id) in lastIDs(of: segment.path) { previous.lastIDs[channel] = id }
        }
        return previous
    }

    /// Space left for an unprivileged process, in bytes; nil if the file system does not say.
    public static func freeBytes(at path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// The segment files that a path names: itself, or those in it.
    static func segmentFiles(at path: String) throws(CaptureError) -> [String] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw errno == ENOENT ? .notFound(path: path) : .system(operation: "look at", path: path, errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        let files = try files(in: path)
        guard !files.isEmpty else { throw .noSegments(path: path) }
        return files
    }

    /// True if it holds nothing at all, or does not exist.
    static func isVacant(_ path: String) -> Bool {
        guard access(path, F_OK) == 0 else { return true }
        guard let directory = opendir(path) else { return false }
        defer { closedir(directory) }
        // "." and ".." are always there.
        for _ in 0..<2 where readdir(directory) == nil { return true }
        return readdir(directory) == nil
    }

    /// Deletes the segments of a directory that was made for them, and it.
    static func discard(_ path: String) {
        for name in (try? names(in: path)) ?? [] { unlink(path + "/" + name) }
        rmdir(path)
    }

    /// Makes the entries of the directory durable.
    static func sync(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    static func make(_ path: String) throws(CaptureError) {
        if mkdir(path, 0o700) == 0 { return }
        let code = errno
        guard code == EEXIST else { throw .system(operation: "make directory", path: path, errno: code) }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw .notADirectory(path: path) }
    }

    /// Paths of the `.mcap` files in a directory, sorted by name.
    private static func files(in path: String) throws(CaptureError) -> [String] {
        try names(in: path).map { path + "/" + $0 }
    }

    /// Names of the `.mcap` files in a directory, sorted.
    static func names(in path: String) throws(CaptureError) -> [String] {
        guard let directory = opendir(path) else { throw .system(operation: "list", path: path, errno: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(SegmentName.fileExtension), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// Last id by channel, as a closed segment says at its end; one without an end is read for it.
    private static func lastIDs(of path: String) -> OrdinalNameMap<UInt64> {
        guard let source = try? FileSource(path: path) else { return [:] }
        // Of no chunk: their indexes may list thousands of channels.
        guard let reader = try? MCAPIndexedReader(source, from: .max) else {
            // What another process records is its own.
            return source.isLive ? [:] : (try? OrphanRecovery.lastIDs(of: source)) ?? [:]
        }
        guard let index = reader.metadataIndexes.last(where: { $0.name == CaptureMetadata.endName }),
            let metadata = try? reader.read(index)
        else { return [:] }
        return CaptureMetadata.lastIDs(in: metadata.entries)
    }
}
