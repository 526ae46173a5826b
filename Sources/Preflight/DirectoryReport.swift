import CLinux
import Capture
import SystemPackage
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The state of the record directory.
package struct DirectoryReport: Sendable, Equatable {
    package var path: String
    /// False if `run` would create it.
    package var exists: Bool
    /// Why recording is impossible there; nil if it is possible.
    package var problem: String?
    package var freeBytes: UInt64?
    /// Throughput of writes with sync, in bytes per second; nil if not measured.
    package var bytesPerSecond: Double?

    /// Bytes written for the measurement, to an unnamed file that cannot be left behind.
    package static let probeBytes = 16 << 20
    /// Below this much free space it is not measured: the rest is for the capture.
    package static let probeNeedsFree: UInt64 = 1 << 30
    /// Written and synced at a time; the measurement can end between two pieces.
    private static let probePiece = 4 << 20
    /// The measurement ends with the piece that exceeds this time, in nanoseconds.
    private static let probeTime: UInt64 = 1_000_000_000

    /// Checks the directory, and measures the write speed: takes about 0.1 s on a common disk, 1 s on a slow one.
    ///
    /// - Parameter isOver: asked between two writes; true ends the measurement without a result.
    package static func examine(_ path: String, isOver: () -> Bool = { false }) -> DirectoryReport {
        var report = DirectoryReport(path: path, exists: access(path, F_OK) == 0)
        let folder = report.exists ? path : parent(of: path)
        var status = stat()
        if stat(folder, &status) != 0 {
            report.problem = "'\(folder)' cannot be examined: \(SystemReason.text(errno))"
        } else if status.st_mode & S_IFMT != S_IFDIR {
            report.problem = "'\(folder)' is not a directory"
        } else if access(folder, R_OK | W_OK | X_OK) != 0 {
            report.problem = "'\(folder)' cannot be written to: \(SystemReason.text(errno))"
        }
        if report.problem == nil, report.exists {
            report.problem = DirectoryClaim.objection(to: path).map(\.description)
        }
        guard report.problem == nil else { return report }
        report.freeBytes = CaptureDirectory.freeBytes(at: folder)
        if report.freeBytes ?? 0 >= probeNeedsFree { report.bytesPerSecond = writeSpeed(in: folder, isOver) }
        return report
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// nil if the file system does not support unnamed files.
    private static func writeSpeed(in folder: String, _ isOver: () -> Bool) -> Double? {
        let descriptor = clinux_open_nameless(folder)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // Not zeros, which some file systems do not store.
        var random = SystemRandomNumberGenerator()
        let block = (0..<(1 << 17)).map { _ in random.next() as UInt64 }
        let start = Moment.now().monotonic
        var written = 0
        var forced = 0
        var spent: UInt64 = 0
        while forced < probeBytes, spent < probeTime {
            while written < forced + probePiece {
                guard !isOver() else { return nil }
                let count = block.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { return nil }
                written += count
            }
            guard !isOver(), fdatasync(descriptor) == 0 else { return nil }
            forced = written
            spent = Moment.now().monotonic - start
        }
        return Double(forced) * 1e9 / Double(max(1, spent))
    }
}
