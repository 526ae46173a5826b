import Foundation
import Testing

/// Independent programs that read the files: Python's `mcap` and `pymcap-cli doctor`.
enum Oracle {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let isCI = ProcessInfo.processInfo.environment["CI"] == "true"

    /// True if the programs are installed, and always with CI=true: there a missing program is a failure.
    static let isAvailable = isCI || missing == nil

    /// The missing program, and how to install it.
    static let missing: String? = {
        guard (try? run("python3", ["-c", "import mcap, zstandard, lz4"])) != nil else {
            return "python3 with mcap is missing: apt install python3; pip install mcap pymcap-cli"
        }
        guard (try? run("pymcap-cli", ["--version"])) != nil else {
            return "pymcap-cli is missing: pip install pymcap-cli"
        }
        return nil
    }()

    static func require() throws {
        if let missing { throw Failure(description: missing) }
    }

    /// Writes each of `contents` into a separate file while `body` runs, which gets their paths.
    static func withFiles<Result>(_ contents: [[UInt8]], _ body: ([String]) throws -> Result) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "mcap-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let paths = try contents.enumerated().map { index, bytes in
            let file = directory.appending(path: "\(index).mcap")
            try Data(bytes).write(to: file)
            return file.path()
        }
        return try body(paths)
    }

    /// The output of a Python program.
    static func python(_ program: String, _ arguments: [String] = []) throws -> String {
        try run("python3", ["-c", program] + arguments)
    }

    /// Fails unless `pymcap-cli doctor` accepts the file.
    static func doctor(_ path: String) throws -> String {
        try run("pymcap-cli", ["doctor", "--format", "jsonl", path])
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(program) ended with status \(process.terminationStatus): \(text)")
        }
        return text
    }
}
