import Foundation
import Redis
import TestSupport
import Testing

/// A process that does not read is detected by its output buffer in Redis.
@Suite(
    "A subscriber that does not read", .serialized, .needs(editions: .redis7, .redis6, .valkey9), .needs(.python, .curl)
)
struct SlowSubscriberTests {
    private static let slow = #"signalr_backplane_subscriber_slow{name="web1",ip="127.0.0.1"}"#
    private static let waiting = #"signalr_backplane_subscriber_output_buffer_bytes{name="web1",ip="127.0.0.1"}"#
    private static let connections = #"signalr_backplane_subscriber_connections{name="web1",ip="127.0.0.1"}"#
    /// Subscribes, and reads continuously.
    private static let reader = """
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        s.sendall(b"CLIENT SETNAME web1\\r\\nSUBSCRIBE chat\\r\\n")
        while s.recv(1 << 20): pass
        """

    @Test("is slow while frozen, and not afterwards", arguments: RedisEdition.allCases)
    func standsStill(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await redis.command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"])
            try await TemporaryDirectory.with { folder in
                let node = try await ChildProcess.start(
                    Tool.python.requiredPath(), ["-c", Self.reader, "\(redis.port)"], folder: folder)
                do {
                    try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                        try await relay.waitForMetrics("it is detected") { $0[Self.connections] == 1 }
                        #expect(try await relay.metric(Self.slow) == 0)
                        node.signal(SIGSTOP)
                        // More than the socket buffers hold.
                        let payload = [UInt8](repeating: 0x78, count: 1 << 20)
                        for id in 1...24 {
                            try await redis.command(["PUBLISH", "chat", .bytes(Array("\(id) ".utf8) + payload)])
                        }
                        try await relay.waitForMetrics("it is slow", within: .seconds(30)) { $0[Self.slow] == 1 }
                        #expect(try await relay.metric(Self.waiting) > Double(1 << 20))
                        // The stream is endless.
                        let page = try await Finished.running(
                            .curl, ["-sN", "-m", "2", "http://127.0.0.1:\(relay.port)/live"])
                        #expect(page.output.contains("slow subscriber: 'web1' at 127.0.0.1"))
                        node.signal(SIGCONT)
                        try await relay.waitForMetrics("it reads again", within: .seconds(30)) { $0[Self.slow] == 0 }
                        await node.terminate()
                        try await relay.waitForMetrics("it has disconnected", within: .seconds(30)) {
                            $0[Self.connections] == 0
                        }
                    }
                } catch {
                    await node.terminate()
                    throw error
                }
            }
        }
    }
}
