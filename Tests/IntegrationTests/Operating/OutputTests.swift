import Foundation
import TestSupport
import Testing

/// Standard output that cannot be written, for commands that print results.
@Suite("Unwritable standard output", .serialized, .needs(.redisServer, .python))
struct OutputTests {
    /// Each with its other required options: `CAPTURE` and `OTHER` are captures, `REDIS` is an address, `NEW` an unused
    /// path.
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

    @Test("a full disk: exit 1, with an error")
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

    /// Runs a command whose reader is already gone; death by a signal gives 128 plus its number.
    private static let withoutReader = """
        import os, signal, subprocess, sys
        reader, writer = os.pipe()
        os.close(reader)
        run = subprocess.run(sys.argv[2:], stdout=writer, restore_signals=sys.argv[1] == "default")
        sys.exit(run.returncode if run.returncode >= 0 else 128 - run.returncode)
        """

    /// A shell leaves SIGPIPE unchanged; `nohup` and services ignore it.
    @Test("a reader that is gone: it ends silently", arguments: ["default", "ignored"])
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
                            // It would write into its directory.
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
