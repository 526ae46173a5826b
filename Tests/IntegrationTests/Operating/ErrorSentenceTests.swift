import Foundation
import TestSupport
import Testing

/// Errors that an operator meets, produced with real causes: a sentence with what happened to what and the remedy,
/// without terms of the libraries.
@Suite("Error sentences", .needs(.redisServer))
struct ErrorSentenceTests {
    private static let libraryWords = [
        "SingleConnectionFailure", "NIO", "descriptor", "errno", "SocketAddressError", "error set", "handshakeFailed",
        "BoringSSL", "SSL routines", "HTTPClientError", "CocoaError", "Error Domain", "look at of", "directory of '",
    ]

    /// Runs a command that fails.
    private static func fails(
        _ arguments: [String], _ sentence: String, asNobody: Bool = false, exit: Int32 = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", try RelayProcess.path()]
        let run =
            asNobody
            ? try await Finished.running("/usr/bin/setpriv", nobody + arguments) : try await Finished.relay(arguments)
        let said = run.output + run.errors
        let command = arguments.joined(separator: " ")
        #expect(run.exit == .code(exit), "\(command): \(said)", sourceLocation: sourceLocation)
        #expect(said.contains(sentence), "\(command): \(said)", sourceLocation: sourceLocation)
        for word in libraryWords {
            #expect(!said.contains(word), "\(word) in: \(said)", sourceLocation: sourceLocation)
        }
    }

    private static func withCapture(_ body: (_ capture: String, _ folder: String) async throws -> Void) async throws {
        try await TemporaryDirectory.with { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            try await RedisServer.with { redis in
                _ = try await SmallCapture.record(from: redis, into: folder + "/capture", bursts: 1)
            }
            try await body(folder + "/capture", folder)
        }
    }

    @Test("captures that cannot be read", arguments: ["cat", "info", "verify", "export", "recover", "merge", "replay"])
    func reading(command: String) async throws {
        try await Self.withCapture { capture, folder in
            try FileManager.default.createDirectory(atPath: folder + "/empty", withIntermediateDirectories: false)
            let locked = folder + "/locked.mcap"
            try Data("x".utf8).write(to: URL(filePath: locked))
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: locked)
            let more: [String: [String]] = [
                "export": ["--format", "csv"], "recover": ["-o", folder + "/new"],
                "merge": [capture, "-o", folder + "/new"],
                "replay": ["--to", "redis://127.0.0.1:1"],
            ]
            for (path, sentence) in [
                ("/nonexistent/capture", "Error: '/nonexistent/capture' does not exist"),
                ("", "Error: the name of a capture is empty; is a shell variable unset?"),
                (locked + "/x", "Error: cannot find '\(locked)/x': a part of this path is a file, not a directory"),
                (folder + "/empty", "Error: there is no .mcap file in '\(folder)/empty'; name a directory"),
                ("/etc/passwd", "Error: '/etc/passwd' is text, not an MCAP file"),
            ] {
                try await Self.fails([command, path] + (more[command] ?? []), sentence)
            }
            guard geteuid() == 0 else { return }
            try await Self.fails(
                [command, locked] + (more[command] ?? []),
                "Error: cannot open '\(locked)': permission denied; this user needs read,", asNobody: true)
        }
    }

    @Test("unwritable output: no directory, a file in its place, no permission, a full disk, read-only")
    func writing() async throws {
        try await Self.withCapture { capture, folder in
            let segment = try #require(try CaptureFiles.paths(in: capture).first)
            let commands = [
                ["export", capture, "--format", "csv", "--force"],
                ["export", capture, "--format", "sqlite", "--force"],
                ["recover", segment], ["merge", capture, segment],
            ]
            for command in commands {
                for (path, sentence) in [
                    ("/nonexistent/x/y", ": a directory in this path does not exist; create it, or name another place"),
                    (segment + "/x", ": a part of this path is a file, not a directory; name another place"),
                ] { try await Self.fails(command + ["-o", path], sentence) }
                try await Self.fails(command + ["-o", ""], "-o: name a ", exit: 64)
                guard geteuid() == 0 else { continue }
                let open = folder + "/open"
                if !FileManager.default.fileExists(atPath: open) {
                    try FileManager.default.copyItem(atPath: capture, toPath: open)
                    for path in try CaptureFiles.paths(in: open) {
                        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
                    }
                    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: open)
                }
                let readable = command.map { $0.replacingOccurrences(of: capture, with: open) }
                try await Self.fails(
                    readable + ["-o", folder + "/new"], "': permission denied; this user needs read, write and search",
                    asNobody: true)
            }
            try await Self.fails(["export", capture, "--format", "csv", "-o", folder, "--force"], "it is a directory;")
            for command in [["cat", capture], ["info", capture], ["export", capture, "--format", "csv"]] {
                let line = try ([RelayProcess.path()] + command).map { "'\($0)'" }.joined(separator: " ")
                let full = try await Finished.running("/bin/sh", ["-c", line + " > /dev/full"])
                #expect(full.exit == .code(1), "\(command)")
                #expect(
                    full.errors.contains("Error: cannot write to standard output: no space left on the disk; free"))
            }
        }
    }

    @Test(
        "a full disk: told, and nothing is left that the next try would stumble over",
        .enabled(if: TinyDisk.shouldBeTested))
    func fullDisk() async throws {
        try await Self.withCapture { capture, _ in
            let segment = try #require(try CaptureFiles.paths(in: capture).first)
            for command in [
                ["export", capture, "--format", "csv"], ["export", capture, "--format", "sqlite"],
                ["recover", segment],
                ["merge", capture, segment],
            ] {
                try await TinyDisk.with { disk in
                    try TinyDisk.fill(disk)
                    let path = disk + "/new"
                    // SQLite has its own words.
                    try await Self.fails(
                        command + ["-o", path],
                        command.contains("sqlite") ? "full" : "no space left on the disk; free space,")
                    try TinyDisk.throwOffBallast(of: disk)
                    let again = try await Finished.relay(command + ["-o", path])
                    #expect(again.exit == .code(0), "\(command): \(again.errors)")
                }
            }
        }
    }

    @Test("export writes into an existing pipe or device without replacing it; - is standard output")
    func devices() async throws {
        try await Self.withCapture { capture, folder in
            let (pipe, copy) = (folder + "/pipe", folder + "/copy")
            #expect(mkfifo(pipe, 0o600) == 0)
            let reader = try await ChildProcess.start("/bin/sh", ["-c", "cat '\(pipe)' > '\(copy)'"], folder: folder)
            let export = ["export", capture, "--format", "jsonl"]
            let piped = try await Finished.relay(export + ["-o", pipe])
            #expect(piped.exit == .code(0), "\(piped.errors)")
            #expect(try await reader.exit() == .code(0))
            var status = stat()
            #expect(lstat(pipe, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO, "the pipe was replaced")
            let plain = try await Finished.relay(export + ["-o", "-"])
            #expect(plain.exit == .code(0) && plain.lines.count == 10, "\(plain.errors)")
            #expect(try String(contentsOfFile: copy, encoding: .utf8) == plain.output)
            try await Self.fails(
                ["export", capture, "--format", "sqlite", "-o", pipe], "a database cannot be streamed; name a file",
                exit: 64)
        }
    }
}
