import Foundation
import Redis
import TestSupport
import Testing

/// `run` on a terminal.
@Suite("Run on a terminal", .needs(.redisServer, .python))
struct RunTerminalTests {
    @Test("a status line below the log, removed at the end")
    func statusLine() async throws {
        let script = try #require(Bundle.module.path(forResource: "terminal", ofType: "py", inDirectory: "Scripts"))
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { server in
                let isQuiet = folder + "/is-quiet"
                try await server.withClient { client in
                    let publisher = try await NodePublisher(client, channel: SmallCapture.channel)
                    _ = try await publisher.publish(1)
                    let traffic = Task {
                        _ = try await eventually("the line of a channel without traffic") {
                            FileManager.default.fileExists(atPath: isQuiet) ? true : nil
                        }
                        while true {
                            _ = try await publisher.publish(20)
                            try await Task.sleep(for: .milliseconds(500))
                        }
                    }
                    defer { traffic.cancel() }
                    let finished = try await Finished.running(
                        .python,
                        [
                            script, "?chat  quiet: no envelope yet, subscribed since", "=" + isQuiet,
                            "?chat  healthy: .* envelopes/s", "\u{03}", "--", try RelayProcess.path(), "run", "--redis",
                            server.url, "--channel", SmallCapture.channel, "--listen", "127.0.0.1:0",
                        ])
                    #expect(finished.exit == .code(0), "\(finished.output)")
                    #expect(finished.output.contains(#/\n\d{4}-\d\d-\d\dT\S+ info stopped/#), "\(finished.output)")
                }
            }
        }
    }
}
