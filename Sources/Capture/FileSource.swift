import MCAP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
