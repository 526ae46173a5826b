import Foundation

/// A directory below /tmp, removed at the end of the closure.
package enum TemporaryDirectory {
    package static func with<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (_ path: String) async throws -> Value
    ) async throws -> Value {
        let path = "/tmp/backplane-relay-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }
}
