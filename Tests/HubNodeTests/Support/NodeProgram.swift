import Foundation

/// Node.js, to run scripts for browsers.
enum NodeProgram {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// - Returns: the printed lines.
    /// - Throws: ``Failure`` if there is no Node.js, or if the script ends with an error.
    static func run(_ script: String) throws -> [String] {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let program = folders.map { URL(fileURLWithPath: String($0)).appendingPathComponent("node") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        guard let program else {
            throw Failure(description: "node is not installed; Debian has it in the package nodejs")
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("proxies-\(UUID().uuidString).js")
        try Data(script.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = program
        process.arguments = [file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: output) }
        return output.split(separator: "\n").map(String.init)
    }
}
