import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Errors about the files of a capture. Each names the path, the operation and the remedy.
package enum CaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed. `operation` follows "cannot", such as `open`.
    case system(operation: String, path: String, errno: Int32)
    /// The record directory is not a directory, or a path on the command line does not exist.
    case notADirectory(path: String)
    case notFound(path: String)
    /// The file to be written already exists.
    case exists(path: String)
    /// A directory without a segment in it.
    case noSegments(path: String)
    /// The file is not MCAP at all, not even damaged MCAP.
    ///
    /// - Parameter what: continues the sentence after the file name.
    case notMCAP(path: String, what: String)
    /// The file as a whole is compressed.
    case compressed(path: String, by: String, tool: String)
    /// A pipe was already read, or would have to be read twice.
    case readOnce(path: String)
    /// A pipe where a file is required.
    case needsFile(path: String)
    /// More recordings overlap in time than can be read at once.
    case tooManyRecordings(Int, limit: Int)
    /// Another process records into the directory; `segment` is a path and `process` an id, if known.
    case recorded(directory: String, segment: String?, process: Int?)
    /// The MCAP file was not written by backplane-relay.
    case notACapture(path: String, reason: String)

    /// True if the disk, the quota or the file size limit is exhausted.
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
            "the name of a capture is empty; is a shell variable unset?"
        case .notFound(let path):
            "'\(path)' does not exist"
        case .exists(let path):
            "'\(path)' already exists; name another directory"
        case .noSegments(let path):
            "there is no \(SegmentName.fileExtension) file in '\(path)'; name a directory that a relay recorded into, or its files"
        case .notMCAP(let path, let what):
            "'\(path)' \(what)"
        case .compressed(let path, let name, let tool):
            "'\(path)' is compressed with \(name); decompress it first: \(tool) \(CaptureError.quoted(path)) | backplane-relay cat -"
        case .readOnce(let path):
            "'\(path)' is a pipe and can be read only once: write it to a file first"
        case .needsFile(let path):
            "'\(path)' is a pipe, and this command needs to seek in its files: write it to a file first"
        case .tooManyRecordings(let count, let limit):
            "\(count) recordings overlap in time, but at most \(limit) can be read as one capture; name fewer files"
        case .recorded(let directory, let segment, let process):
            "another relay\(process.map { " (process \($0))" } ?? "") records into '\(directory)'\(segment.map { ", now into '\($0)'" } ?? ""): both would write every envelope there; give this one a directory of its own, or stop the other one"
        case .notACapture(let path, let reason):
            "'\(path)' is not a capture: \(reason)"
        }
    }

    /// Quoted for a shell.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy {
            ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || $0 >= 0x2D && $0 <= 0x3A || $0 == 0x5F
        }
        return isPlain ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }
}

/// The meaning of an errno of a file operation, and the remedy.
package enum SystemReason {
    /// - Returns: text to follow a colon.
    package static func text(_ code: Int32) -> String {
        switch code {
        case ENOENT: "a directory in this path does not exist; create it, or name another place"
        case ENOTDIR: "a part of this path is a file, not a directory; name another place"
        case EISDIR: "it is a directory; name a file"
        case EACCES, EPERM: "permission denied; this user needs read, write and search permission there"
        case ENOSPC: "no space left on the disk; free space, or name another disk"
        case EDQUOT: "the disk quota of this user is used up; free space, or name another disk"
        case EFBIG: "the file would exceed the size limit; see ulimit -f"
        case EROFS: "the file system is mounted read-only; name another place"
        case EIO: "the disk reports an error; the kernel's log (dmesg) may say more"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n, LimitNOFILE)"
        case ENAMETOOLONG: "the name is too long; name another one"
        case ELOOP: "symbolic links form a loop, or a link is in a place where links are not followed"
        case ETXTBSY: "it is a running program; name another file"
        case ENXIO, ENODEV: "there is no such device"
        default: words(code)
        }
    }

    /// The system's text, to follow a colon.
    private static func words(_ code: Int32) -> String {
        let words = Errno(rawValue: code).description
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}
