import Foundation

/// A file system of 1 MiB, half of it taken by a ballast that can be thrown off.
enum TinyDisk {
    /// Mounting takes root, and a container that allows it.
    static let isPossible: Bool = {
        guard geteuid() == 0 else { return false }
        let path = "/tmp/backplane-relay-mount-\(UUID().uuidString)"
        guard mkdir(path, 0o700) == 0 else { return false }
        defer { rmdir(path) }
        guard mount(at: path) else { return false }
        return umount2(path, 0) == 0
    }()

    static func with<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (_ path: String) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/disk"
            guard mkdir(path, 0o700) == 0, mount(at: path) else { throw TestFailure("cannot mount: errno \(errno)") }
            // Lazily: a relay that a failed test leaves behind may still hold a file.
            defer { umount2(path, Int32(MNT_DETACH)) }
            try Data(count: 512 * 1024).write(to: URL(fileURLWithPath: ballast(on: path)))
            return try await body(path)
        }
    }

    static func throwOffBallast(of path: String) throws {
        try FileManager.default.removeItem(atPath: ballast(on: path))
    }

    private static func ballast(on path: String) -> String { path + "/ballast" }

    private static func mount(at path: String) -> Bool {
        Glibc.mount("tmpfs", path, "tmpfs", 0, "size=1m") == 0
    }
}
