import Foundation
import JSON
import SignalRClient
import TestSupport
import Testing

/// `hub` started and stopped from the command line.
@Suite("The hub command", .serialized, .needs(.redisServer))
struct HubCommandTests {
    @Test("two nodes with one key file accept each other's clients; SIGTERM ends one with exit 0")
    func keyFile() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let key = folder + "/key"
                try Data((0..<32).map { _ in UInt8.random(in: 0...255) }).write(to: URL(fileURLWithPath: key))
                try await HubProcess.with(["--redis", redis.url, "--channel", "chat", "--key-file", key], folder) {
                    a, nodeA in
                    try await HubProcess.with(
                        ["--redis", redis.url, "--channel", "chat", "--key-file", key], folder
                    ) {
                        b, _ in
                        try await SignalRNetwork.with { network in
                            let alice = try HubClient(port: a, reconnectsByItself: false, network: network)
                            try await alice.signalR.start()
                            try await alice.invoke("joinGroup", ["room"])
                            try await alice.invoke("send", ["alice", "at a"])
                            try await alice.expect([#"broadcastMessage["alice","at a"]"#])
                            nodeA.signal(SIGTERM)
                            try await eventually("alice is asked to reconnect") {
                                alice.asksToReconnect > 0 ? true : nil
                            }
                            await alice.signalR.dropTransport()
                            try await alice.signalR.reconnect(to: NodeURL("http://127.0.0.1:\(b)/signalr"))
                            #expect(try await nodeA.exit(within: .seconds(10)) == .code(0))
                            try await alice.invoke("sendToGroup", ["room", "alice", "at b"])
                            try await alice.expect([
                                #"broadcastMessage["alice","at a"]"#, #"groupMessage["room","alice","at b"]"#,
                            ])
                        }
                    }
                }
            }
        }
    }

    @Test("permanent errors end it immediately, with the reason")
    func wrongPassword() async throws {
        try await RedisServer.with(["--requirepass", "right"]) { redis in
            let run = try await Finished.relay(
                ["hub", "--channel", "chat", "--listen", "127.0.0.1:0"],
                environment: ["BACKPLANE_RELAY_REDIS": "redis://:wrong-secret@127.0.0.1:\(redis.port)"])
            #expect(run.exit == .code(1))
            #expect(run.errors.contains("refused the login"))
            #expect(!run.errors.contains("wrong-secret"))
        }
    }

    @Test("an address in use is named")
    func addressTaken() async throws {
        try await RedisServer.with { redis in
            let run = try await Finished.relay(
                ["hub", "--redis", redis.url, "--channel", "chat", "--listen", "127.0.0.1:\(redis.port)"])
            #expect(run.exit == .code(1))
            #expect(run.errors.contains("cannot listen on 127.0.0.1:\(redis.port)"))
        }
    }
}
