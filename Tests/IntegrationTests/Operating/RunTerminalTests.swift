import Foundation
import Redis
import TestSupport
import Testing

/// `run` as somebody sees it who started it by hand.
@Suite("Run on a terminal", .needs(.redisServer, .python))
struct RunTerminalTests {
    @Test("one line says how the channel is, log lines stand above it, and at the end it is gone")
    func statusLine() async throws {
        let script = try #require(Bundle.module.path(forResource: "terminal", ofType: "py", inDirectory: "Scripts"))
        try await RedisServer.with { server in
            try await server.withClient { client in
                let publisher = try await NodePublisher(client, channel: SmallCapture.channel)
                _ = try await publisher.publish(1)
                let traffic = Task {
                    _ = try await eventually("the relay subscribes") {
                        let reply = try await server.command(["PUBSUB", "NUMSUB", .text(SmallCapture.channel)])
                        return reply.array?.last?.integer == 1 ? true : nil
                    }
                    // The first line, of a channel without traffic, is drawn after a second.
                    while true {
                        try await Task.sleep(for: .milliseconds(1_500))
                        _ = try await publisher.publish(20)
                    }
                }
                defer { traffic.cancel() }
                let finished = try await Finished.running(
                    .python,
                    [
                        script, "?chat  quiet: no envelope yet, subscribed since", "?chat  healthy: .* envelopes/s",
                        "\u{03}", "--", try RelayProcess.path(), "run", "--redis", server.url, "--channel",
                        SmallCapture.channel, "--listen", "127.0.0.1:0",
                    ])
                #expect(finished.exit == .code(0), "\(finished.output)")
                #expect(finished.output.contains(#/\n\d{4}-\d\d-\d\dT\S+ info stopped/#), "\(finished.output)")
            }
        }
    }
}
