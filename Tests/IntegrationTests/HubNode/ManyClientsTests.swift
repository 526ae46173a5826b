import Foundation
import JSON
import Loopback
import SignalRClient
import TestSupport
import Testing

/// Many browsers at one node. `Tests/Benchmarks/hub/run` has 2,000, and needs a whole machine.
@Suite("Many clients", .needs(.redisServer))
struct ManyClientsTests {
    private static let clients = 300
    private static let broadcasts = 100
    private static let memoryLimit = 150_000_000

    @Test("300 webSockets get 100 broadcasts each, none lost, in less than 150 MB")
    func broadcast() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let node = try await ChildProcess.start(
                    RelayProcess.path(),
                    ["hub", "--redis", redis.url, "--channel", "chat", "--listen", "127.0.0.1:0"], folder: folder)
                do {
                    let port = try await eventually("the node listens") {
                        node.errors.firstMatch(of: #/page=http://127\.0\.0\.1:(\d+)/#).flatMap { Int($0.1) }
                    }
                    try await SignalRNetwork.with { try await broadcast(port: port, node: node, network: $0) }
                    await node.terminate()
                } catch {
                    await node.terminate()
                    throw TestFailure("\(error)\n\(node.errors.suffix(2_000))")
                }
            }
        }
    }

    private func broadcast(port: Int, node: ChildProcess, network: SignalRNetwork) async throws {
        var clients: [HubClient] = []
        // Not all at once: the kernel's accept queue is limited.
        for batch in 0..<Self.clients / 100 {
            let some = try (0..<100).map { _ in try HubClient(port: port, network: network) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in some { group.addTask { try await client.signalR.start() } }
                try await group.waitForAll()
            }
            clients += some
            #expect(clients.count == (batch + 1) * 100)
        }
        let expected = (1...Self.broadcasts).map { #"broadcastMessage["sender","\#($0)"]"# }
        for number in 1...Self.broadcasts {
            try await clients[0].invoke("send", ["sender", .string("\(number)")])
        }
        for client in clients { try await client.expect(expected) }
        let memory = try Self.residentBytes(of: node.processIdentifier)
        #expect(memory < Self.memoryLimit, "\(memory) bytes")
        let delivered = try await MetricsScrape.read(port: port)["backplane_relay_hub_messages_delivered_total"]
        #expect(delivered == Double(Self.clients * Self.broadcasts))
    }

    /// The peak memory of the process, as reported by the kernel.
    private static func residentBytes(of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        guard let kilobytes = status.firstMatch(of: #/VmHWM:\s+(\d+) kB/#).flatMap({ Int($0.1) }) else {
            throw TestFailure("no VmHWM in /proc/\(process)/status")
        }
        return kilobytes * 1024
    }
}
