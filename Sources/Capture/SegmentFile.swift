import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The file of an open segment, with an advisory lock while it is open: an unlocked segment without a clean close is an
/// orphan of a crash.
final class SegmentFile {
    let path: String
    var name: String { path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path }
    private let descriptor: CInt

    /// Creates a file, mode 0600.
    ///
    /// - Returns: nil if a file of this name exists.
    static func create(path: String) throws(CaptureError) -> SegmentFile? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0 {
            if errno == EEXIST { return nil }
            throw .system(operation: "create", path: path, errno: errno)
        }
        // A process that checks whether a file is live holds its lock briefly.
        return try SegmentFile(descriptor: descriptor, path: path, patience: 1_000)
    }

    /// Opens an existing file to continue writing.
    ///
    /// - Returns: nil if another process holds its lock.
    static func reopen(path: String) throws(CaptureError) -> SegmentFile? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "open", path: path, errno: errno) }
        do {
            return try SegmentFile(descriptor: descriptor, path: path)
        } catch .system(_, _, EWOULDBLOCK) {
            return nil
        }
    }

    /// - Parameter patience: for the lock, in milliseconds.
    private init(descriptor: CInt, path: String, patience: Int = 0) throws(CaptureError) {
        var waited = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK, waited < patience else {
                close(descriptor)
                throw .system(operation: "lock", path: path, errno: code)
            }
            usleep(1_000)
            waited += 1
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// Writes all bytes, with a single `pwrite` unless the system accepts fewer.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(CaptureError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset) + off_t(done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(operation: "write", path: path, errno: errno)
            }
            done += count
        }
    }

    /// Waits until the data is on the disk.
    func sync() throws(CaptureError) {
        guard fdatasync(descriptor) == 0 else { throw .system(operation: "flush", path: path, errno: errno) }
    }

    /// The state of the file, checked through the open descriptor.
    ///
    /// - Parameter byName: also check that its path still leads to it.
    func standing(expectedSize: UInt64, byName: Bool) -> Standing {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .whole }
        if status.st_nlink == 0 { return .removed }
        if UInt64(max(0, status.st_size)) < expectedSize { return .cut(to: UInt64(max(0, status.st_size))) }
        guard byName else { return .whole }
        var named = stat()
        if stat(path, &named) == 0 {
            return named.st_ino == status.st_ino && named.st_dev == status.st_dev ? .whole : .moved
        }
        // Other errors say nothing about the file.
        return errno == ENOENT || errno == ENOTDIR ? .moved : .whole
    }

    enum Standing: Equatable {
        case whole
        case removed
        case moved
        case cut(to: UInt64)
    }

    func truncate(to size: UInt64) throws(CaptureError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw .system(operation: "shorten", path: path, errno: errno)
        }
    }
}

/// The file name of a segment: `<sanitized channel>-<UTC start>.mcap`.
package enum SegmentName {
    /// Of every segment; the dot is included.
    package static let fileExtension = ".mcap"

    /// - Parameter channels: the recorded Redis channels; the file is named after the first, `+2` means two more.
    package static func make(channels: [String], start: UInt64) -> String {
        let more = channels.count > 1 ? "+\(channels.count - 1)" : ""
        return safe(channels.first ?? "capture") + more + "-" + UTCTime.fileStamp(start) + fileExtension
    }

    /// Keeps ASCII letters, digits, `.`, `_` and `-`, replaces the rest by `_`; never hidden, at most 100 characters.
    static func safe(_ channel: String) -> String {
        var name = ""
        for scalar in channel.unicodeScalars.prefix(100) {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", "-": name.unicodeScalars.append(scalar)
            case "." where !name.isEmpty: name.unicodeScalars.append(scalar)
            default: name.append("_")
            }
        }
        return name.isEmpty ? "_" : name
    }
}
