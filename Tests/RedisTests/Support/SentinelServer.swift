import Foundation
import NIOPosix
import Redis
import TestSupport

/// A real `redis-server --sentinel` that watches over one master.
struct SentinelServer {
    let port: Int

    /// Runs `body` with a sentinel of quorum 1 that knows the master as `mymaster`.
    static func with<Value>(
        master: Int, isolation: isolated (any Actor)? = #isolation, _ body: (SentinelServer) async throws -> Value
    ) async throws -> Value {
        let port = try FreePort.find()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sentinel-\(UUID()).conf").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try """
        port \(port)
        bind 127.0.0.1
        sentinel monitor mymaster 127.0.0.1 \(master) 1
        sentinel down-after-milliseconds mymaster 2000
        sentinel failover-timeout mymaster 5000
        """.write(toFile: file, atomically: true, encoding: .utf8)
        let process = try await RedisProcess.start([file, "--sentinel"], readyWhen: "+monitor master")
        func end() async {
            process.signal(SIGKILL)
            for await _ in process.exit {}
        }
        do {
            let value = try await body(SentinelServer(port: port))
            await end()
            return value
        } catch {
            await end()
            throw error
        }
    }

    var configuration: RedisConfiguration {
        RedisConfiguration(servers: [.tcp(host: "127.0.0.1", port: port)], sentinelMaster: "mymaster")
    }
}
