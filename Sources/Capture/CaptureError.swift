#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What can go wrong with the files of a capture; names the path, the operation and the remedy.
public enum CaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(operation: String, path: String, errno: Int32)
    /// The record directory exists as something else, or a path on the command line does not exist.
    case notADirectory(path: String)
    case notFound(path: String)
    /// A file that would be written is there already.
    case exists(path: String)
    /// A directory without a segment in it.
    case noSegments(path: String)
    /// The file is no MCAP file of ours.
    case notACapture(path: String, reason: String)

    /// True if the disk, the quota or the file size limit is exhausted: what more space heals.
    public var isOutOfSpace: Bool {
        guard case .system(_, _, let code) = self else { return false }
        return code == ENOSPC || code == EDQUOT || code == EFBIG
    }

    public var description: String {
        switch self {
        case .system(let operation, let path, let code):
            "\(operation) of '\(path)' failed: \(String(cString: strerror(code)))\(CaptureError.remedy(for: code))"
        case .notADirectory(let path):
            "'\(path)' is not a directory; name a directory to record into"
        case .notFound(let path):
            "'\(path)' does not exist"
        case .exists(let path):
            "'\(path)' exists already; name another directory"
        case .noSegments(let path):
            "there is no \(SegmentName.fileExtension) file in '\(path)'; name a directory that 'run --record' wrote, or its files"
        case .notACapture(let path, let reason):
            "'\(path)' is not a capture: \(reason)"
        }
    }

    private static func remedy(for code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "; free space or record elsewhere"
        case EACCES, EPERM: "; the relay's user needs read, write and search permission there"
        case EROFS: "; the file system is mounted read-only"
        case EMFILE, ENFILE: "; raise the limit of open files"
        default: ""
        }
    }
}
