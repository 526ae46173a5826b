import Foundation
import TestSupport

/// A directory in which nothing can be made, for root neither: it is mounted over itself, read-only.
enum ReadOnly {
    static func with<Value>(
        _ path: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        try begin(path)
        do {
            let value = try await body()
            end(path)
            return value
        } catch {
            end(path)
            throw error
        }
    }

    static func begin(_ path: String) throws {
        guard mount(path, path, nil, UInt(MS_BIND), nil) == 0 else { throw TestFailure("mount: errno \(errno)") }
        guard mount(nil, path, nil, UInt(MS_BIND) | UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil) == 0 else {
            umount2(path, Int32(MNT_DETACH))
            throw TestFailure("remount: errno \(errno)")
        }
    }

    static func end(_ path: String) {
        umount2(path, Int32(MNT_DETACH))
    }
}
