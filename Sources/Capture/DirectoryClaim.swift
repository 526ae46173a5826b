#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
