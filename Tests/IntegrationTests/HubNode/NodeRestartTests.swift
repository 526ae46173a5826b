import Foundation
import JSON
import Loopback
import SignalRClient
import TestSupport
import Testing

/// The state of a killed node is lost: clients that missed something are counted.
@Suite("A hub node is killed", .serialized, .needs(.redisServer))
struct NodeRestartTests {
    private static let clients = 40
    private static let metric = "backplane_relay_hub_incomplete_resumes_total"
    private static let words = "clients reconnected for envelopes that this node does not have"

    @Test(
        "each client that missed a broadcast counts, in one log line", arguments: [0, 5],
        [ClientTransport.webSockets, .serverSentEvents, .longPolling])
    func killed(missed: Int, transport: ClientTransport) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let key = folder + "/key"
                try Data((0..<32).map { _ in UInt8.random(in: 0...255) }).write(to: URL(fileURLWithPath: key))
                let options = ["--redis", redis.url, "--channel", "chat", "--key-file", key]
                try await HubProcess.with(options, folder) { other, _ in
                    try await SignalRNetwork.with { network in
                        let sender = try HubClient(port: other, network: network)
                        try await sender.signalR.start()
                        var clients: [HubClient] = []
                        var port = 0
                        try await HubProcess.with(options, folder) { first, node in
                            port = first
                            clients = try (0..<Self.clients).map { _ in
                                try HubClient(
                                    port: first, transport: transport, reconnectsByItself: false, network: network)
                            }
                            try await forEach(clients) { try await $0.signalR.start() }
                            try await sender.invoke("send", ["sender", "before"])
                            for client in clients { try await client.expect([Self.call("before")]) }
                            node.signal(SIGKILL)
                            #expect(try await node.exit() == .signal(SIGKILL))
                        }
                        for number in 0..<missed {
                            try await sender.invoke("send", ["sender", .string("\(number)")])
                        }
                        try await HubProcess.with(options, port: port, folder) { again, node in
                            let url = try NodeURL("http://127.0.0.1:\(again)/signalr")
                            try await forEach(clients) {
                                await $0.signalR.dropTransport()
                                try await $0.signalR.reconnect(to: url)
                            }
                            try await sender.invoke("send", ["sender", "after"])
                            for client in clients {
                                try await client.expect([Self.call("before"), Self.call("after")])
                            }
                            let counted = try await MetricsScrape.read(port: again)[Self.metric]
                            #expect(counted == (missed > 0 ? Double(Self.clients) : 0))
                            node.signal(SIGTERM)
                            #expect(try await node.exit() == .code(0))
                            let lines = node.errors.split(separator: "\n").filter { $0.contains(Self.words) }
                            #expect(lines.count == (missed > 0 ? 1 : 0), "\(node.errors)")
                            #expect(lines.allSatisfy { $0.contains("clients=\(Self.clients)") })
                        }
                    }
                }
            }
        }
    }

    private static func call(_ text: String) -> String { #"broadcastMessage["sender","\#(text)"]"# }

    private func forEach(
        _ clients: [HubClient], _ body: @escaping @Sendable (HubClient) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { try await body(client) } }
            try await group.waitForAll()
        }
    }
}
