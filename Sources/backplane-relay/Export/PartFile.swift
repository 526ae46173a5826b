import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file that is `<name>.part` until it is complete.
struct PartFile {
    let path: String
    var part: String { path + ".part" }

    /// A device, a pipe, or the target of a kernel link: written directly. Replacing it by a file would remove, say,
    /// `/dev/null` for the whole machine.
    let isStream: Bool

    /// - Throws: `ValidationError` if it exists and must not be replaced; ``OutputError`` for a directory.
    init(path: String, replaces: Bool) throws {
        let kind = Self.kind(path) { stat($0, $1) }
        if kind == S_IFDIR { throw OutputError(code: EISDIR, place: "'\(path)'") }
        let isKernelLink =
            Self.kind(path, { lstat($0, $1) }) == S_IFLNK && ["/dev/", "/proc/"].contains { path.hasPrefix($0) }
        isStream = kind.map { $0 != S_IFREG } ?? false || isKernelLink
        if !replaces, !isStream, kind != nil {
            throw ValidationError("'\(path)' exists; name another file, or use --force to overwrite it")
        }
        self.path = path
    }

    /// Starts over, readable by the owner only: a capture contains what users wrote.
    func open() throws -> CInt {
        if isStream {
            let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
            guard descriptor >= 0 else { throw OutputError(code: errno, place: "'\(path)'") }
            return descriptor
        }
        unlink(part)
        let descriptor = Glibc.open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw OutputError(code: errno, place: "'\(part)'")
        }
        return descriptor
    }

    /// - Parameter descriptor: of the part file, open for writing; closed here.
    func complete(_ descriptor: CInt) throws {
        if isStream {
            guard close(descriptor) == 0 else { throw OutputError(code: errno, place: "'\(path)'") }
            return
        }
        guard fsync(descriptor) == 0 || errno == EINVAL, close(descriptor) == 0, rename(part, path) == 0 else {
            throw OutputError(code: errno, place: "'\(path)'")
        }
    }

    /// Removes the incomplete file.
    func abandon() {
        if !isStream { unlink(part) }
    }

    /// The type of a file, as in `st_mode`; nil if there is none.
    private static func kind(
        _ path: String, _ look: (UnsafePointer<CChar>, UnsafeMutablePointer<stat>) -> Int32
    ) -> mode_t? {
        var status = stat()
        return look(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}
