import Foundation

/// A small file system, partly filled by a file that can be removed.
package enum TinyDisk {
    /// Mounting requires root, and a container that allows it.
    package static let isPossible: Bool = {
        guard geteuid() == 0 else { return false }
        let path = "/tmp/backplane-relay-mount-\(UUID().uuidString)"
        guard mkdir(path, 0o700) == 0 else { return false }
        defer { rmdir(path) }
        guard mount(at: path, megabytes: 1) else { return false }
        return umount2(path, 0) == 0
    }()

    /// With CI=true a machine that cannot mount fails the tests instead of skipping them.
    package static let shouldBeTested = isPossible || ProcessInfo.processInfo.environment["CI"] == "true"

    /// - Parameter megabytes: the size; the file takes 512 KiB of it.
    package static func with<Value>(
        megabytes: Int = 1, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ path: String) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/disk"
            guard mkdir(path, 0o700) == 0, mount(at: path, megabytes: megabytes) else {
                throw TestFailure("cannot mount: errno \(errno)")
            }
            // A lazy unmount: a relay left by a failed test may still have a file open.
            defer { umount2(path, Int32(MNT_DETACH)) }
            try Data(count: 512 * 1024).write(to: URL(fileURLWithPath: ballast(on: path)))
            return try await body(path)
        }
    }

    package static func throwOffBallast(of path: String) throws {
        try FileManager.default.removeItem(atPath: ballast(on: path))
    }

    /// Fills the remaining space.
    ///
    /// - Parameter bytes: to leave free.
    package static func fill(_ path: String, leaving bytes: Int = 0) throws {
        let descriptor = open(filler(on: path), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw TestFailure("cannot fill \(path): errno \(errno)") }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 0, count: 4_096)
        var status = statvfs()
        while bytes == 0 || statvfs(path, &status) == 0 && Int(status.f_bavail) * Int(status.f_frsize) > bytes {
            if write(descriptor, page, page.count) <= 0 { return }
        }
    }

    /// Frees the space again.
    package static func empty(_ path: String) throws {
        try FileManager.default.removeItem(atPath: filler(on: path))
    }

    private static func ballast(on path: String) -> String { path + "/ballast" }
    private static func filler(on path: String) -> String { path + "/filler" }

    private static func mount(at path: String, megabytes: Int) -> Bool {
        Glibc.mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0
    }
}
