import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file that gets its name when it is complete; until then it is `<name>.part`.
struct PartFile {
    let path: String
    var part: String { path + ".part" }

    /// - Throws: `ValidationError` if it exists and is not to be replaced.
    init(path: String, replaces: Bool) throws {
        if !replaces, access(path, F_OK) == 0 {
            throw ValidationError("'\(path)' exists; name another file, or --force to write over it")
        }
        self.path = path
    }

    /// Begins anew, readable by its owner only: a capture holds what users wrote.
    func open() throws -> CInt {
        unlink(part)
        let descriptor = Glibc.open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw OutputError(code: errno, place: "'\(part)'")
        }
        return descriptor
    }

    /// - Parameter descriptor: of the part, open for writing; closed here.
    func complete(_ descriptor: CInt) throws {
        guard fsync(descriptor) == 0 || errno == EINVAL, close(descriptor) == 0, rename(part, path) == 0 else {
            throw OutputError(code: errno, place: "'\(path)'")
        }
    }

    /// Leaves nothing that could be taken for the file.
    func abandon() {
        unlink(part)
    }
}
