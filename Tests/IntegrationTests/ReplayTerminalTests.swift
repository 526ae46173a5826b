import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// A replay on a terminal, controlled by keys.
@Suite("Replay on a terminal", .serialized, .needs(.redisServer, .python))
struct ReplayTerminalTests {
    @Test("space pauses, . steps, + and - change the speed, q ends it with the report")
    func keys() async throws {
        try await onTerminal(
            [
                "?replay .*[1-9]\\d* of", " ", "?paused .* (\\d+) of", ".",
                // A line may have been printed before the pause; the third appears after the step.
                "?(?s)paused.*paused.*paused", "+", "?speed x2", "-", " ",
                "?replay .* of",
                "q",
            ],
            // It must not finish before the last key.
            arguments: ["--rate", "1"]
        ) { run, counter in
            #expect(run.exit == .code(3), "\(run.output)")
            let paused = run.output.matches(of: #/paused .* (\d+) of/#).compactMap { Int($0.1) }
            #expect(Set(paused).count == 2, "it paused except for one step: \(paused)")
            #expect(run.output.contains("sent          \(counter) envelopes"))
            #expect(run.output.contains("stopped before the end"))
        }
    }

    @Test("the target has subscribers: the forecast, a question, and no replay without a yes", arguments: ["n", "y"])
    func question(answer: String) async throws {
        try await onTerminal(["?Publish\\? \\[y/N\\]", answer + "\n"], arguments: ["--speed", "max"], isHeard: true) {
            run, counter in
            #expect(run.output.contains("1 subscriber listens at the target"))
            #expect(run.output.contains(#/channel +chat -> chat: 40 envelopes, captured ids 1..40/#))
            #expect(run.exit == .code(answer == "y" ? 0 : 1), "\(run.output)")
            #expect(counter == (answer == "y" ? 40 : 0))
        }
    }

    private func onTerminal(
        _ steps: [String], arguments: [String], isHeard: Bool = false,
        _ check: (Finished, _ counter: Int) throws -> Void
    ) async throws {
        let script = try #require(Bundle.module.path(forResource: "terminal", ofType: "py", inDirectory: "Scripts"))
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/capture"
            try await RedisServer.with { source in
                _ = try await SmallCapture.record(from: source, into: directory)
            }
            try await RedisServer.with { target in
                func run() async throws {
                    let run = try await Finished.running(
                        .python,
                        [script] + steps
                            + ["--", try RelayProcess.path(), "replay", directory, "--to", target.url] + arguments)
                    let counter = try await target.command(["GET", .text(SmallCapture.channel)]).text
                    try check(run, counter.flatMap { Int($0) } ?? 0)
                }
                guard isHeard else { return try await run() }
                let listening = ["--redis", target.url, "--channel", SmallCapture.channel]
                try await RelayProcess.with(listening) { _ in try await run() }
            }
        }
    }
}
