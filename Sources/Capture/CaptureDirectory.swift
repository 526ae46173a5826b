package import Backplane
import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The record directory.
package enum CaptureDirectory {
    /// What an earlier run left there.
    package struct Previous: Sendable, Equatable {
        /// File name of the newest segment.
        package var segment: String?
        /// Last id that is recorded or reported missing, by Redis channel.
        package var lastIDs: OrdinalNameMap<UInt64>
        /// Where ids after the last one may be missing although a relay should have recorded them, by Redis channel.
        package var doubts: OrdinalNameMap<RecordingDoubt> = [:]

        /// The defaults are those of an empty directory.
        package init(segment: String? = nil, lastIDs: OrdinalNameMap<UInt64> = [:]) {
            self.segment = segment
            self.lastIDs = lastIDs
        }

        /// Why ids after the last one of a channel are missing.
        package func cause(_ channel: String) -> GapCause {
            doubts[channel]?.cause.flatMap(GapCause.init) ?? .notRecording
        }
    }

    /// Segments searched for the ids of an earlier run, newest first.
    private static let consideredSegments = 50

    /// Creates the directory (mode 0700) if needed, checks that it is writable, and closes segments left open by a
    /// crash.
    ///
    /// - Parameter log: receives a line for each segment that needed attention.
    /// - Throws: ``CaptureError``.
    package static func prepare(
        _ path: String, at now: Moment, log: (String) -> Void
    ) throws(CaptureError) -> Previous {
        try make(path)
        guard access(path, R_OK | W_OK | X_OK) == 0 else { throw .system(operation: "use", path: path, errno: errno) }
        var segments: [CaptureSegment] = []
        for file in try files(in: path) {
            do {
                if let outcome = try OrphanRecovery.closeIfOrphan(file, at: now) { log(outcome) }
            } catch {
                log("'\(file)' was not changed: \(error)")
            }
            // An empty segment is gone now. A segment that could not be closed (disk full) still names the ids it
            // recorded.
            if access(file, F_OK) == 0, let segment = try? CaptureSegment(path: file) { segments.append(segment) }
        }
        segments = Recordings(segments).all.flatMap { $0 }
        var previous = Previous(segment: segments.last.map { name(of: $0.path) })
        for segment in segments.suffix(consideredSegments) {
            let ends = ends(of: segment.path)
            for (channel, id) in ends.lastIDs {
                previous.lastIDs[channel] = id
                previous.doubts[channel] = ends.doubts[channel]
            }
        }
        return previous
    }

    /// Free space for an unprivileged process, in bytes; nil if the file system does not report it.
    package static func freeBytes(at path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// The segment files in a directory.
    static func segmentFiles(in path: String) throws(CaptureError) -> [String] {
        let files = try files(in: path)
        guard !files.isEmpty else {
            if let (name, tool) = ForeignBytes.compressedName(in: try names(in: path, suffix: "")) {
                throw .compressed(path: path + "/" + name, by: String(tool.prefix { $0 != " " }), tool: tool)
            }
            throw .noSegments(path: path)
        }
        return files
    }

    /// True if the directory is empty or does not exist.
    static func isVacant(_ path: String) -> Bool {
        guard access(path, F_OK) == 0 else { return true }
        guard let directory = opendir(path) else { return false }
        defer { closedir(directory) }
        // "." and ".." are always there.
        for _ in 0..<2 where readdir(directory) == nil { return true }
        return readdir(directory) == nil
    }

    /// Deletes the segments of a directory created for them, and the directory.
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
        guard code == EEXIST else { throw .system(operation: "make the directory", path: path, errno: code) }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw .notADirectory(path: path) }
    }

    /// Paths of the `.mcap` files in a directory, sorted by name.
    private static func files(in path: String) throws(CaptureError) -> [String] {
        try names(in: path).map { path + "/" + $0 }
    }

    /// Names of the `.mcap` files in a directory, sorted.
    ///
    /// - Parameter suffix: of other files.
    static func names(
        in path: String, suffix: String = SegmentName.fileExtension
    ) throws(CaptureError) -> [String] {
        guard let directory = opendir(path) else { throw .system(operation: "list", path: path, errno: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            // `recover` and `merge` create directories whose names may look like files.
            let isDirectory = entry.pointee.d_type == UInt8(DT_DIR)
            if name.hasSuffix(suffix), !name.hasPrefix("."), !isDirectory { names.append(name) }
        }
        return names.sorted()
    }

    private static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// Read from the end of a closed segment, or by reading an unclosed one.
    private static func ends(of path: String) -> RecordingEnds {
        guard let source = try? FileSource(path: path) else { return RecordingEnds() }
        // From no chunk on: chunk indexes may list thousands of channels.
        guard let reader = try? MCAPIndexedReader(source, from: .max) else {
            // A segment that another process is recording is not touched.
            return source.isLive ? RecordingEnds() : (try? OrphanRecovery.ends(of: source)) ?? RecordingEnds()
        }
        guard let index = reader.metadataIndexes.last(where: { $0.name == CaptureMetadata.endName }),
            let metadata = try? reader.read(index)
        else { return RecordingEnds() }
        return RecordingEnds(
            lastIDs: CaptureMetadata.lastIDs(in: metadata.entries), doubts: CaptureMetadata.doubts(in: metadata.entries)
        )
    }
}

/// Exclusive right to record into a directory, for the life of the process.
///
/// An advisory lock on the directory: it leaves no file behind, and a crash releases it. Earlier versions do not take
/// it and some network file systems do not support it; then the locks on open segments are checked.
package final class DirectoryClaim: Sendable {
    /// A checking process holds the lock briefly, and a relay being replaced may still be closing its segment.
    private static let patience = 2_000

    private let descriptor: CInt

    /// Creates the directory (mode 0700) if needed, and claims it.
    ///
    /// - Returns: nil if the file system does not support such locks and no other relay has an open segment there.
    /// - Throws: ``CaptureError/recorded(directory:segment:process:)`` if another process records there, before
    ///   anything is changed; other ``CaptureError``s if the directory cannot be used.
    package static func take(_ directory: String) throws(CaptureError) -> DirectoryClaim? {
        try CaptureDirectory.make(directory)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "use", path: directory, errno: errno) }
        var waited = 0
        var code: CInt = 0
        while true {
            code = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
            if code == EINTR { continue }
            guard code == EWOULDBLOCK, waited < patience else { break }
            usleep(10_000)
            waited += 10
        }
        if code == 0 {
            let claim = DirectoryClaim(descriptor: descriptor)
            if let recorded = try openSegment(in: directory) { throw recorded }
            return claim
        }
        defer { close(descriptor) }
        if let recorded = try openSegment(in: directory) { throw recorded }
        guard code == EWOULDBLOCK else { return nil }
        throw .recorded(directory: directory, segment: nil, process: FileLocks.holder(of: descriptor))
    }

    /// Whether another process is recording there; changes nothing.
    ///
    /// - Returns: the error that ``take(_:)`` would throw, or nil.
    package static func objection(to directory: String) -> CaptureError? {
        if let recorded = try? openSegment(in: directory) { return recorded }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return .recorded(directory: directory, segment: nil, process: FileLocks.holder(of: descriptor))
    }

    private init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// The segment that another process is writing there, or nil.
    private static func openSegment(in directory: String) throws(CaptureError) -> CaptureError? {
        for name in try CaptureDirectory.names(in: directory) {
            let path = directory + "/" + name
            guard let source = try? FileSource(path: path), source.isLive else { continue }
            // A process that has just closed it may still hold the lock.
            if OrphanRecovery.isClosed(source) { continue }
            return .recorded(directory: directory, segment: path, process: FileLocks.holder(of: source.path))
        }
        return nil
    }
}

/// The holder of an advisory lock, if the kernel shows it in this PID namespace.
enum FileLocks {
    private static let longestList = 1 << 20

    static func holder(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? holder(inode: UInt64(status.st_ino)) : nil
    }

    static func holder(of descriptor: CInt) -> Int? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? holder(inode: UInt64(status.st_ino)) : nil
    }

    private static func holder(inode: UInt64) -> Int? {
        let descriptor = open("/proc/locks", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 14)
        while text.count < longestList {
            let count = read(descriptor, &block, block.count)
            guard count > 0 else { break }
            text += block.prefix(count)
        }
        return holder(inode: inode, in: String(decoding: text, as: UTF8.self))
    }

    /// - Parameter text: of `/proc/locks`: `1: FLOCK  ADVISORY  WRITE 4711 08:01:393219 0 EOF`.
    /// - Returns: nil unless a single process of this namespace holds it. Compares the inode only: on overlay and btrfs
    ///   the device differs from `stat`.
    static func holder(inode: UInt64, in text: String) -> Int? {
        var holders: Set<Int> = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            // A waiting process is marked by an arrow.
            guard words.count >= 6, words[1] == "FLOCK", words[3] == "WRITE", let process = Int(words[4]), process > 0,
                let last = words[5].split(separator: ":").last, UInt64(last) == inode
            else { continue }
            holders.insert(process)
        }
        return holders.count == 1 ? holders.first : nil
    }
}
