import Foundation
import TestSupport
import Testing

/// Where results go to standard output, and that does not take them.
@Suite("Standard output that takes nothing", .serialized, .needs(.redisServer, .python))
struct OutputTests {
    /// Each with the options that it needs besides: `CAPTURE` and `OTHER` are captures, `REDIS` an address, `NEW` a path that is free.
    private static let commands: [[String]] = [
        ["--help"], ["--version"], ["run", "--help"], ["--generate-completion-script", "bash"],
        ["info", "CAPTURE"], ["info", "CAPTURE", "--json"], ["cat", "CAPTURE"], ["cat", "CAPTURE", "--json"],
        ["verify", "CAPTURE"], ["export", "CAPTURE", "--format", "csv"], ["export", "CAPTURE", "--format", "jsonl"],
        ["export", "CAPTURE", "--format", "resp"], ["diff", "CAPTURE", "OTHER"],
        ["merge", "CAPTURE", "CAPTURE", "-o", "NEW"], ["recover", "CAPTURE", "-o", "NEW"],
        ["replay", "CAPTURE", "--to", "REDIS", "--dry-run"],
        ["replay", "CAPTURE", "--to", "REDIS", "--dry-run", "--json"],
        ["replay", "CAPTURE", "--to", "REDIS", "--yes"], ["replay", "CAPTURE", "--to", "REDIS", "--yes", "--json"],
        ["channels", "--redis", "REDIS"], ["channels", "--redis", "REDIS", "--json"],
        ["tail", "--redis", "REDIS", "--channel", "chat", "--json", "--duration", "5s"],
        ["run", "--check-only", "--redis", "REDIS", "--channel", "chat", "--listen", "127.0.0.1:0"],
        ["check", "--redis", "REDIS", "--channel", "check", "--messages", "1"],
        ["check", "--redis", "REDIS", "--channel", "check", "--messages", "1", "--json"],
        ["bench", "--seconds", "0.2", "--max-rate", "500"],
        ["bench", "--seconds", "0.2", "--max-rate", "500", "--json"],
        ["demo", "--duration", "500ms"],
    ]

    @Test("a full disk: exit 1, and an error that says so")
    func full() async throws {
        try await withCapture { fill in
            for command in Self.commands {
                let run = try await Finished.running(
                    "/bin/sh", ["-c", #"exec "$0" "$@" > /dev/full"#, RelayProcess.path()] + fill(command))
                #expect(run.exit == .code(1), "\(command): \(run.exit) \(run.errors)")
                #expect(
                    run.errors.contains("Error: cannot write to standard output: no space left on the disk"),
                    "\(command): \(run.errors)")
            }
        }
    }

    /// Runs a command whose reader has gone before it began; a signal's number becomes 128 more.
    private static let withoutReader = """
        import os, signal, subprocess, sys
        reader, writer = os.pipe()
        os.close(reader)
        run = subprocess.run(sys.argv[2:], stdout=writer, restore_signals=sys.argv[1] == "default")
        sys.exit(run.returncode if run.returncode >= 0 else 128 - run.returncode)
        """

    /// A shell leaves SIGPIPE as it is; `nohup` and services ignore it.
    @Test("a reader that has gone: it ends without a word", arguments: ["default", "ignored"])
    func gone(signal: String) async throws {
        try await withCapture { fill in
            for command in Self.commands {
                let run = try await Finished.running(
                    .python, ["-c", Self.withoutReader, signal, RelayProcess.path()] + fill(command))
                #expect(
                    run.exit == .code(0) || run.exit == .code(128 + SIGPIPE), "\(command): \(run.exit) \(run.errors)")
                #expect(!run.errors.contains("Error"), "\(command): \(run.errors)")
                #expect(!run.errors.lowercased().contains("broken pipe"), "\(command): \(run.errors)")
            }
        }
    }

    private func withCapture(_ body: (_ fill: ([String]) -> [String]) async throws -> Void) async throws {
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { redis in
                let capture = folder + "/capture"
                _ = try await SmallCapture.record(from: redis, into: capture, bursts: 1)
                _ = try await SmallCapture.record(from: redis, into: folder + "/other", bursts: 1)
                let file = try #require(try CaptureFiles.paths(in: capture).first)
                try await RedisServer.with { target in
                    var count = 0
                    try await body { command in
                        count += 1
                        let values = [
                            // Its directory would be written to.
                            "CAPTURE": command[0] == "recover" ? file : capture, "REDIS": target.url,
                            "OTHER": folder + "/other",
                            "NEW": folder + "/new\(count)",
                        ]
                        return command.map { values[$0] ?? $0 }
                    }
                }
            }
        }
    }
}
