import Backplane
import Foundation
import TestSupport
import Testing

/// A node of ASP.NET Core from Redis' point of view, in a separate process: `Scripts/core_node.py`.
struct PythonNode {
    let child: ChildProcess

    /// - Parameters:
    ///   - resp: 3 for one connection that gets pushes, 2 for two connections.
    ///   - machine: part of the names of its server and client.
    static func with<Value>(
        _ hubs: [CoreHub], resp: Int = 2, machine: String, on redis: RedisServer,
        isolation: isolated (any Actor)? = #isolation, _ body: (PythonNode) async throws -> Value
    ) async throws -> Value {
        let script = try #require(Bundle.module.url(forResource: "Scripts/core_node", withExtension: "py")?.path)
        return try await TemporaryDirectory.with { folder in
            let child = try await ChildProcess.start(
                Tool.python.requiredPath(), [script, "\(redis.port)", "\(resp)", machine] + hubs.map(\.topic),
                folder: folder)
            do {
                try await eventually("\(machine) has subscribed") { child.output.contains("subscribed") ? true : nil }
                let value = try await body(PythonNode(child: child))
                await child.terminate()
                return value
            } catch {
                await child.terminate()
                throw TestFailure("\(error)\n\(child.errors)")
            }
        }
    }

    /// Channels of the messages that it has received.
    var heard: [String] {
        child.output.split(separator: "\n").filter { $0.hasPrefix("message ") }.map { String($0.dropFirst(8)) }
    }
}
