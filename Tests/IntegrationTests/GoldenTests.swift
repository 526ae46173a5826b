import Foundation
import TestSupport
import Testing

/// Captures of every version, written by `Tests/CaptureTests/Golden/write`: they are read as they were then.
///
/// If a later version changes the output on purpose, the expectation is changed in the same commit.
@Suite("Golden captures")
struct GoldenTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "CaptureTests/Golden").path

    /// `0.1.0/events` and so on.
    static let captures: [String] = {
        let files = FileManager.default
        func directories(_ path: String) -> [String] {
            ((try? files.contentsOfDirectory(atPath: path)) ?? []).sorted().filter { name in
                var isDirectory: ObjCBool = false
                return files.fileExists(atPath: path + "/" + name, isDirectory: &isDirectory) && isDirectory.boolValue
            }
        }
        return directories(folder).flatMap { version in
            directories(folder + "/" + version).map { version + "/" + $0 }
        }
    }()

    @Test("there are captures of each kind") func kinds() {
        #expect(Self.captures.count { $0.hasPrefix("0.1.0/") } >= 22, "\(Self.captures)")
    }

    @Test("an old capture is read as by the version that wrote it", arguments: captures)
    func reading(_ capture: String) async throws {
        let parts = capture.split(separator: "/").map(String.init)
        for command in ["info", "cat", "verify"] {
            let place = Self.folder + "/" + capture + "/" + command
            let options = command == "verify" ? "" : "--json"
            let result = try await Finished.running(
                "/bin/bash",
                [
                    "-c", #"cd "$1" && TZ=UTC "$2" $3 $4 "$5""#, "bash", Self.folder + "/" + parts[0],
                    RelayProcess.path(),
                    command, options, parts[1],
                ])
            let status = try text(place + ".exit").trimmingCharacters(in: .newlines)
            #expect(
                "\(result.exit)" == "\(ChildProcess.Exit.code(try #require(Int32(status))))",
                "\(command): \(result.errors)")
            #expect(result.errors == (try text(place + ".err")), "\(command)")
            if FileManager.default.fileExists(atPath: place + ".out") {
                #expect(result.output == (try text(place + ".out")), "\(command)")
            } else {
                let sum = try await Finished.running(
                    "/bin/bash",
                    [
                        "-c", #"cd "$1" && TZ=UTC "$2" $3 $4 "$5" | sha256sum | cut -c 1-64"#, "bash",
                        Self.folder + "/" + parts[0], RelayProcess.path(), command, options, parts[1],
                    ])
                #expect(sum.output == (try text(place + ".sha256")), "\(command)")
            }
        }
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}
