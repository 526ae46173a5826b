#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Deletes a segment, after checking that it is one and that nothing writes it.
package enum SegmentRemoval {
    /// - Returns: false if it was not deleted: it is gone, being written, or not a segment of backplane-relay.
    /// - Throws: ``CaptureError`` if the system refuses.
    package static func remove(_ name: String, from directory: String) throws(CaptureError) -> Bool {
        let path = directory + "/" + name
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        if descriptor < 0 {
            if errno == ENOENT || errno == ELOOP { return false }
            throw .system(operation: "open", path: path, errno: errno)
        }
        defer { close(descriptor) }
        guard let source = try? FileSource(path: path, followsLinks: false), !source.isLive,
            let start = try? SegmentStart(of: source), start.startedAt > 0
        else { return false }
        // The lock keeps others from adopting it as an orphan until it is deleted.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
        var opened = stat()
        var named = stat()
        guard fstat(descriptor, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG, lstat(path, &named) == 0,
            named.st_ino == opened.st_ino, named.st_dev == opened.st_dev
        else { return false }
        guard unlink(path) == 0 else {
            if errno == ENOENT { return false }
            throw .system(operation: "delete", path: path, errno: errno)
        }
        ArchiveMarker.remove(for: name, in: directory)
        return true
    }
}

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
