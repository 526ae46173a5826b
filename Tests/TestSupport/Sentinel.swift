import Foundation
package import Redis

/// A real `redis-server --sentinel` that monitors one master as `mymaster`.
package struct Sentinel: Sendable {
    private static let master = "mymaster"

    package let port: Int
    private let child: ChildProcess

    /// The master may be silent for 30 s: a slow one must not count as down.
    ///
    /// - Parameter quorum: how many sentinels must find the master down.
    package static func with<Value>(
        watching master: RedisServer, quorum: Int = 1, lines: [String] = [],
        isolation: isolated (any Actor)? = #isolation, _ body: (Sentinel) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let port = try FreePort.find()
            let file = folder + "/sentinel.conf"
            try """
            port \(port)
            bind 127.0.0.1
            dir \(folder)
            sentinel monitor \(Self.master) \(master.host) \(master.port) \(quorum)
            sentinel down-after-milliseconds \(Self.master) 30000
            sentinel failover-timeout \(Self.master) 5000
            \(lines.joined(separator: "\n"))
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let child = try await ChildProcess.start(
                Tool.redisServer.requiredPath(), [file, "--sentinel"], folder: folder)
            do {
                try await eventually("the sentinel watches") { child.output.contains("+monitor master") ? true : nil }
                let value = try await body(Sentinel(port: port, child: child))
                await child.terminate()
                return value
            } catch {
                await child.terminate()
                throw error
            }
        }
    }

    /// Three sentinels that know each other, of which two must agree.
    package static func withThree<Value>(
        watching master: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: ([Sentinel]) async throws -> Value
    ) async throws -> Value {
        try await with(watching: master, quorum: 2) { first in
            try await with(watching: master, quorum: 2) { second in
                try await with(watching: master, quorum: 2) { third in
                    let all = [first, second, third]
                    for sentinel in all {
                        try await eventually("the sentinels know each other") {
                            let answer = try await sentinel.ask(["SENTINEL", "CKQUORUM", Self.master])
                            return answer.hasPrefix("OK 3 usable") ? true : nil
                        }
                    }
                    return try await body(all)
                }
            }
        }
    }

    /// What it has logged.
    package var log: String { child.output }

    /// For clients that follow the master.
    package var url: String { "redis+sentinel://127.0.0.1:\(port)/\(Self.master)" }

    package var configuration: RedisConfiguration {
        RedisConfiguration(servers: [.tcp(host: "127.0.0.1", port: port)], sentinelMaster: Self.master)
    }

    /// A failover requires a replica that the sentinel knows and that is in sync; the sentinel does not report that.
    package func waitForReplica() async throws {
        try await eventually("the sentinel knows the replica") { () -> Bool? in
            let fields = try await ask(["SENTINEL", "REPLICAS", Self.master]).split(separator: "\n")
            guard let name = fields.firstIndex(of: "master-link-status") else { return nil }
            return fields[name + 1] == "ok" ? true : nil
        }
    }

    /// Starts a failover as soon as the sentinel finds a suitable replica.
    package func failOver() async throws {
        try await eventually("the sentinel starts a failover") {
            try await ask(["SENTINEL", "FAILOVER", Self.master]).hasPrefix("OK") ? true : nil
        }
    }

    /// Until it names this server as the master.
    package func waitForMaster(_ server: RedisServer) async throws {
        try await eventually("the sentinel names the new master", within: .seconds(40)) {
            let answer = try await ask(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.master])
            return answer.split(separator: "\n").last.map(String.init) == "\(server.port)" ? true : nil
        }
    }

    /// The ports of the replicas that it lists; 0 for one that does not listen.
    package func listedReplicas() async throws -> [Int] {
        let fields = try await ask(["SENTINEL", "REPLICAS", Self.master]).split(separator: "\n")
        return fields.indices.dropLast().compactMap { fields[$0] == "port" ? Int(fields[$0 + 1]) : nil }
    }

    /// From now on a master that is silent for a second is down.
    package func shortenPatience() async throws {
        _ = try await ask(["SENTINEL", "SET", Self.master, "down-after-milliseconds", "1000"])
    }

    /// From now on another server is the master, as if it had been from the start.
    package func watch(_ master: RedisServer) async throws {
        _ = try await ask(["SENTINEL", "REMOVE", Self.master])
        _ = try await ask(["SENTINEL", "MONITOR", Self.master, master.host, "\(master.port)", "1"])
    }

    private func ask(_ command: [String]) async throws -> String {
        let cli = try await Finished.running(.redisCLI, ["-p", "\(port)"] + command, within: .seconds(10))
        guard cli.exit == .code(0) else { throw TestFailure("redis-cli: \(cli.errors)\(cli.output)") }
        return cli.output
    }
}
