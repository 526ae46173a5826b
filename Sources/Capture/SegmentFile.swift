#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The file of one open segment. Holds an advisory lock as long as it is open: a segment without one, and without a
/// clean close, is the orphan of a crash.
final class SegmentFile {
    let path: String
    private let descriptor: CInt

    /// Makes a new file, mode 0600.
    ///
    /// - Returns: nil if a file of this name exists.
    static func create(path: String) throws(CaptureError) -> SegmentFile? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0 {
            if errno == EEXIST { return nil }
            throw .system(operation: "create", path: path, errno: errno)
        }
        return try SegmentFile(descriptor: descriptor, path: path)
    }

    /// Opens an existing file to go on writing.
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

    private init(descriptor: CInt, path: String) throws(CaptureError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw .system(operation: "lock", path: path, errno: code)
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// Writes all of it; one `pwrite`, unless the system takes less at a time.
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
        guard fdatasync(descriptor) == 0 else { throw .system(operation: "sync", path: path, errno: errno) }
    }

    func truncate(to size: UInt64) throws(CaptureError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw .system(operation: "truncate", path: path, errno: errno)
        }
    }
}
