import MCAP
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How to handle a capture that comes through a pipe and can be read only once.
package enum StreamHandling: Sendable {
    /// Read it as it arrives.
    case read
    /// Copy it to a file in `TMPDIR` first, for commands that read twice.
    case spool
    /// Refuse it, for commands that need to seek.
    case refuse
}

/// A capture that comes through a pipe. It can be read once.
package final class CaptureStream: Sendable {
    let name: String
    private let descriptor: CInt
    private let isTaken = Atomic(false)
    private let storedBeginning = Mutex<[UInt8]>([])
    /// Shared by the look at the start and by the reader.
    private let source: LockedSource

    /// - Parameter descriptor: closed at the end.
    init(name: String, descriptor: CInt) {
        self.name = name
        self.descriptor = descriptor
        source = LockedSource(
            StreamSource { buffer in
                while true {
                    let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                    if count >= 0 { return count }
                    guard errno == EINTR else { throw CaptureError.system(operation: "read", path: name, errno: errno) }
                }
            })
    }

    deinit { close(descriptor) }

    /// The bytes, from the start.
    ///
    /// - Throws: ``CaptureError`` if they were taken already.
    func take() throws(CaptureError) -> any ByteSource {
        guard !isTaken.exchange(true, ordering: .acquiringAndReleasing) else { throw .readOnce(path: name) }
        return Reading(stream: self)
    }

    /// The bytes inspected before the stream was taken.
    var beginning: [UInt8] {
        get { storedBeginning.withLock { $0 } }
        set { storedBeginning.withLock { $0 = newValue } }
    }

    /// The start of the bytes, for inspection; consumes nothing.
    func start() -> any ByteSource { Peeking(stream: self) }

    /// Copies the remaining bytes to an unnamed file.
    func spool() throws(CaptureError) -> CInt {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((directory + "/backplane-relay-XXXXXX").utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else {
            throw .system(operation: "make a file for a copy of '\(name)' in", path: directory, errno: errno)
        }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        unlink(template)
        var offset: UInt64 = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        let source = try take()
        do {
            while true {
                let count = try buffer.withUnsafeMutableBytes { try source.read(at: offset, into: $0, atLeast: 1) }
                if count == 0 { return file }
                try buffer.withUnsafeBytes { bytes in
                    var done = 0
                    while done < count {
                        let written = write(file, bytes.baseAddress.map { $0 + done }, count - done)
                        guard written >= 0 || errno == EINTR else {
                            throw CaptureError.system(operation: "copy '\(name)' to", path: directory, errno: errno)
                        }
                        done += max(written, 0)
                    }
                }
                offset += UInt64(count)
                source.discard(before: offset)
            }
        } catch let error as CaptureError {
            close(file)
            throw error
        } catch {
            close(file)
            throw .notACapture(path: name, reason: "\(error)")
        }
    }

    /// Serializes reads from several threads.
    private final class LockedSource: @unchecked Sendable {
        // @unchecked: `source` is touched only while `lock` is held.
        private let lock = Mutex(())
        private let source: StreamSource

        init(_ source: sending StreamSource) {
            self.source = source
        }

        var size: UInt64 { lock.withLock { _ in source.size } }
        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int) throws -> Int {
            try lock.withLock { _ in try source.read(at: offset, into: buffer, atLeast: count) }
        }
        func discard(before offset: UInt64) { lock.withLock { _ in source.discard(before: offset) } }
        func checksum(before offset: UInt64) -> UInt32? { lock.withLock { _ in source.checksum(before: offset) } }
    }

    /// Keeps the descriptor open while anything reads.
    private struct Reading: ByteSource {
        let stream: CaptureStream

        var size: UInt64 { stream.source.size }
        var isStream: Bool { true }
        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
            try stream.source.read(at: offset, into: buffer, atLeast: buffer.count)
        }
        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int) throws -> Int {
            try stream.source.read(at: offset, into: buffer, atLeast: count)
        }
        func discard(before offset: UInt64) { stream.source.discard(before: offset) }
        func checksum(before offset: UInt64) -> UInt32? { stream.source.checksum(before: offset) }
    }

    /// Consumes nothing.
    private struct Peeking: ByteSource {
        let stream: CaptureStream

        var size: UInt64 { stream.source.size }
        var isStream: Bool { true }
        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
            try stream.source.read(at: offset, into: buffer, atLeast: buffer.count)
        }
        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int) throws -> Int {
            try stream.source.read(at: offset, into: buffer, atLeast: count)
        }
    }
}

extension CaptureStream: Equatable {
    /// Only the same object is equal: a stream can be read once.
    package static func == (one: CaptureStream, other: CaptureStream) -> Bool { one === other }
}

/// What a path on the command line refers to.
enum CaptureInput {
    case file(path: String)
    case directory(path: String)
    case stream(CaptureStream)

    static let standardInput = "-"

    /// - Throws: ``CaptureError`` if it cannot be a capture.
    init(_ path: String) throws(CaptureError) {
        let inherited = path == Self.standardInput ? STDIN_FILENO : Self.descriptor(named: path)
        let name = path == Self.standardInput ? "standard input" : path
        var status = stat()
        let result = inherited.map { fstat($0, &status) } ?? stat(path, &status)
        guard result == 0 else {
            if errno == EBADF { throw .notMCAP(path: name, what: "is closed") }
            throw errno == ENOENT ? .notFound(path: path) : .system(operation: "find", path: path, errno: errno)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: self = .directory(path: path)
        case S_IFREG: self = .file(path: path == Self.standardInput ? "/dev/stdin" : path)
        case S_IFIFO: self = .stream(try Self.stream(path, name, inherited))
        // A socket inherited from a shell or supervisor is a stream; one in the file system is an address.
        case S_IFSOCK where inherited != nil: self = .stream(try Self.stream(path, name, inherited))
        case S_IFSOCK: throw .notMCAP(path: name, what: "is a socket, not an MCAP file")
        case S_IFCHR where inherited.map({ isatty($0) == 1 }) ?? false:
            throw .notMCAP(path: name, what: "is a terminal: pipe a capture into it")
        default: throw .notMCAP(path: name, what: "is a device, not an MCAP file")
        }
    }

    private static func stream(
        _ path: String, _ name: String, _ inherited: CInt?
    ) throws(CaptureError) -> CaptureStream {
        let descriptor = inherited.map { fcntl($0, F_DUPFD_CLOEXEC, 3) } ?? open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "open", path: path, errno: errno) }
        return CaptureStream(name: name, descriptor: descriptor)
    }

    /// For `/dev/stdin`, or the path a shell substitutes for `<(...)`.
    private static func descriptor(named path: String) -> CInt? {
        if path == "/dev/stdin" { return STDIN_FILENO }
        for prefix in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(prefix) {
            return CInt(path.dropFirst(prefix.count))
        }
        return nil
    }
}
