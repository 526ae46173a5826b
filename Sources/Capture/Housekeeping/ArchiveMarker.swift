#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Marks a segment as archived: an empty file beside it, `<segment>.archived`.
///
/// Created after the archive command has succeeded. A crash in between archives the segment twice, never zero times.
package enum ArchiveMarker {
    static let fileExtension = ".archived"

    static func exists(for name: String, in directory: String) -> Bool {
        var status = stat()
        return lstat(path(for: name, in: directory), &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// - Throws: ``CaptureError``; after a restart the segment then counts as not archived.
    package static func make(for name: String, in directory: String) throws(CaptureError) {
        let path = path(for: name, in: directory)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .system(operation: "create", path: path, errno: errno) }
        fsync(descriptor)
        close(descriptor)
        CaptureDirectory.sync(directory)
    }

    /// Removed together with the segment.
    static func remove(for name: String, in directory: String) {
        guard exists(for: name, in: directory) else { return }
        unlink(path(for: name, in: directory))
    }

    private static func path(for name: String, in directory: String) -> String {
        directory + "/" + name + fileExtension
    }
}
