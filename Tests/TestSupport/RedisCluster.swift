import Foundation
import Redis

/// A real cluster of masters, formed by plain commands.
package final class RedisCluster: Sendable {
    /// In the order of their slots.
    package let nodes: [RedisServer]
    private let masters: Int

    private init(_ nodes: [RedisServer], masters: Int) {
        self.nodes = nodes
        self.masters = masters
    }

    /// Starts a cluster, runs `body`, and stops it. Without one node the others still serve their slots.
    ///
    /// - Parameter slotless: further nodes, without slots.
    package static func with<Value>(
        _ count: Int = 3, slotless: Int = 0, edition: RedisEdition = .redis7,
        isolation: isolated (any Actor)? = #isolation, _ body: (RedisCluster) async throws -> Value
    ) async throws -> Value {
        try await with(count + slotless, edition, []) { nodes in
            let cluster = RedisCluster(nodes.map(\.server), masters: count)
            try await cluster.form(buses: nodes.map(\.bus))
            return try await body(cluster)
        }
    }

    private typealias Node = (server: RedisServer, bus: Int)

    private static func with<Value>(
        _ count: Int, _ edition: RedisEdition, _ started: [Node], isolation: isolated (any Actor)? = #isolation,
        _ body: ([Node]) async throws -> Value
    ) async throws -> Value {
        guard started.count < count else { return try await body(started) }
        let bus = try FreePort.find()
        let arguments = [
            "--cluster-enabled", "yes", "--cluster-port", "\(bus)", "--cluster-node-timeout", "2000",
            "--cluster-require-full-coverage", "no",
        ]
        return try await RedisServer.with(arguments, edition: edition) { server in
            try await with(count, edition, started + [(server, bus)], body)
        }
    }

    private func form(buses: [Int]) async throws {
        for (index, server) in nodes.enumerated() {
            // Distinct epochs: otherwise the nodes would have to resolve a collision first.
            try await server.command(["CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)"])
            if index < masters {
                let (first, next) = (16_384 * index / masters, 16_384 * (index + 1) / masters)
                try await server.command(["CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(next - 1)"])
            }
        }
        for (index, server) in nodes.enumerated() {
            for other in nodes.indices where other > index {
                try await server.command(["CLUSTER", "MEET", "127.0.0.1", "\(nodes[other].port)", "\(buses[other])"])
            }
        }
        for server in nodes {
            try await eventually("the cluster is up", within: .seconds(40)) {
                let info = try await server.command(["CLUSTER", "INFO"]).text ?? ""
                let shards = try await server.command(["CLUSTER", "SHARDS"]).array ?? []
                let links = try await server.command(["CLUSTER", "NODES"]).text ?? ""
                return info.contains("cluster_state:ok") && shards.count == nodes.count
                    && !links.contains("handshake") && !links.contains("disconnected") ? true : nil
            }
        }
    }

    /// The address of one node.
    package func url(_ index: Int) -> String { nodes[index].url }

    /// The node that has the key.
    package func owner(of key: String) async throws -> Int {
        guard let slot = try await nodes[0].command(["CLUSTER", "KEYSLOT", .text(key)]).integer else {
            throw TestFailure("CLUSTER KEYSLOT has no answer")
        }
        return (0..<masters).last { 16_384 * $0 / masters <= slot } ?? 0
    }
}
