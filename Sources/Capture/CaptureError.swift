import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What can go wrong with the files of a capture; names the path, the operation and the remedy.
package enum CaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed; the operation as it stands behind "cannot": `open`.
    case system(operation: String, path: String, errno: Int32)
    /// The record directory exists as something else, or a path on the command line does not exist.
    case notADirectory(path: String)
    case notFound(path: String)
    /// A file that would be written is there already.
    case exists(path: String)
    /// A directory without a segment in it.
    case noSegments(path: String)
    /// The file is no MCAP file at all, not even a damaged one.
    ///
    /// - Parameter what: what it is, as the sentence goes on behind its name.
    case notMCAP(path: String, what: String)
    /// The file as a whole is compressed.
    case compressed(path: String, by: String, tool: String)
    /// A pipe was read already, or would have to be read twice.
    case readOnce(path: String)
    /// A pipe, where only files will do.
    case needsFile(path: String)
    /// More recordings overlap in time than can be read at once.
    case tooManyRecordings(Int, limit: Int)
    /// Another process records into the directory; `segment` is a path, `process` an id, where they can be told.
    case recorded(directory: String, segment: String?, process: Int?)
    /// The file is no MCAP file of ours.
    case notACapture(path: String, reason: String)

    /// True if the disk, the quota or the file size limit is exhausted: what more space heals.
    package var isOutOfSpace: Bool {
        guard case .system(_, _, let code) = self else { return false }
        return code == ENOSPC || code == EDQUOT || code == EFBIG
    }

    package var description: String {
        switch self {
        case .system(let operation, let path, let code):
            "cannot \(operation) '\(path)': \(SystemReason.text(code))"
        case .notADirectory(let path):
            "'\(path)' is not a directory; name a directory to record into"
        case .notFound(""):
            "the name of a capture is empty; is a variable of the shell not set?"
        case .notFound(let path):
            "'\(path)' does not exist"
        case .exists(let path):
            "'\(path)' exists already; name another directory"
        case .noSegments(let path):
            "there is no \(SegmentName.fileExtension) file in '\(path)'; name a directory that a relay recorded into, or its files"
        case .notMCAP(let path, let what):
            "'\(path)' \(what)"
        case .compressed(let path, let name, let tool):
            "'\(path)' is compressed by \(name); decompress it first: \(tool) \(CaptureError.quoted(path)) | backplane-relay cat -"
        case .readOnce(let path):
            "'\(path)' is a pipe and can be read only once: write it to a file first"
        case .needsFile(let path):
            "'\(path)' is a pipe, and this command goes to and fro in its files: write it to a file first"
        case .tooManyRecordings(let count, let limit):
            "\(count) recordings overlap in time, and \(limit) at most can be read as one capture; name fewer files"
        case .recorded(let directory, let segment, let process):
            "another relay\(process.map { " (process \($0))" } ?? "") records into '\(directory)'\(segment.map { ", now into '\($0)'" } ?? ""): both would write every envelope there; give this one a directory of its own, or stop the other one"
        case .notACapture(let path, let reason):
            "'\(path)' is not a capture: \(reason)"
        }
    }

    /// As a shell takes it.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy {
            ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || $0 >= 0x2D && $0 <= 0x3A || $0 == 0x5F
        }
        return isPlain ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }
}
