import Foundation
import TestSupport
import Testing

/// Captures through pipes, and other input, passed to the commands by a shell.
@Suite("Pipes")
struct PipeTests {
    /// A closed file of three chunks, written with the encoder of `run`.
    private func withCapture(_ body: (_ path: String, _ folder: String) async throws -> Void) async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/a b.mcap"
            try Data(PipedCapture.bytes).write(to: URL(fileURLWithPath: path))
            try await body(path, folder)
        }
    }

    private func shell(_ script: String, _ arguments: String...) async throws -> Finished {
        try await Finished.running("/bin/bash", ["-c", script, "bash", RelayProcess.path()] + arguments)
    }

    @Test("cat, info, verify and export read a pipe like a file", arguments: ["-", "/dev/stdin"])
    func pipe(_ name: String) async throws {
        try await withCapture { path, folder in
            for command in [
                "cat --json", "cat", "verify", "info --json", "export --format jsonl", "cat --channel chat",
            ] {
                let file = try await shell("\"$1\" \(command) \"$2\"", path)
                let piped = try await shell("cat \"$2\" | \"$1\" \(command) \(name)", path)
                let substituted = try await shell("\"$1\" \(command) <(cat \"$2\")", path)
                #expect(file.exit == .code(0), "\(command): \(file.errors)")
                #expect(piped.exit == .code(0), "\(command): \(piped.errors)")
                #expect(substituted.exit == .code(0), "\(command): \(substituted.errors)")
                guard command.hasPrefix("cat") || command.hasPrefix("export") else { continue }
                #expect(!file.lines.isEmpty)
                #expect(piped.output == file.output, "\(command)")
                #expect(substituted.output == file.output, "\(command)")
            }
            let twice = try await shell("cat \"$2\" | \"$1\" cat \(name) --from -15m", path)
            #expect(twice.exit == .code(1) && twice.errors.contains("write it to a file first"), "\(twice.errors)")
            let merge = try await shell("cat \"$2\" | \"$1\" merge \(name) \"$2\" -o \"$3/m\"", path, folder)
            #expect(merge.exit == .code(1) && merge.errors.contains("is a pipe"), "\(merge.errors)")
        }
    }

    @Test("other input is reported as not a capture, and recover writes nothing")
    func noCapture() async throws {
        try await TemporaryDirectory.with { folder in
            let text = folder + "/notes.mcap"
            try Data("just notes\n".utf8).write(to: URL(fileURLWithPath: text))
            for path in [text, "/etc/passwd", "/dev/null", "-"] {
                for command in ["cat", "info", "verify", "export --format csv", "recover -o \"$3/out\""] {
                    let result = try await shell("echo hello | \"$1\" \(command) \"$2\"", path, folder)
                    #expect(result.exit == .code(1), "\(command) \(path): \(result.errors)")
                    #expect(result.errors.contains("not an MCAP file"), "\(command) \(path): \(result.errors)")
                    #expect(!result.errors.contains("recover"), "\(command) \(path): \(result.errors)")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
        }
    }

    @Test("recover finds the chunks after shifted bytes, and lists what it skipped")
    func recover() async throws {
        try await withCapture { path, folder in
            let whole = try await shell("\"$1\" cat --json \"$2\"", path)
            let bytes = PipedCapture.bytes
            let damaged = folder + "/damaged.mcap"
            try Data(bytes[100...]).write(to: URL(fileURLWithPath: damaged))
            let result = try await shell("\"$1\" recover \"$2\" -o \"$3/out\"", damaged, folder)
            #expect(result.exit == .code(3))
            #expect(result.errors.contains("skipped: "), "\(result.errors)")
            let saved = try await shell("\"$1\" cat --json \"$2\"", folder + "/out")
            #expect(saved.exit == .code(0), "\(saved.errors)")
            #expect(saved.output == whole.output)
            let verify = try await shell("\"$1\" verify \"$2\"", damaged)
            #expect(verify.exit == .code(3) && verify.errors.contains("could not be read"), "\(verify.errors)")
        }
    }
}
