import Foundation

/// An independent program that checks the expositions.
struct ExternalProgram: Sendable {
    struct Failure: Error {
        let description: String
    }

    /// Prometheus' own linter of the text format.
    static let promtool = ExternalProgram(name: "promtool", debianPackage: "prometheus")
    /// Python with the official client library, whose parsers return the parsed samples.
    static let python = ExternalProgram(
        name: "python3", debianPackage: "python3-prometheus-client",
        trial: ["-c", "import prometheus_client.openmetrics"])

    private let name: String
    private let debianPackage: String
    private let executable: URL?

    /// - Parameter trial: arguments with which it must succeed to count as installed.
    private init(name: String, debianPackage: String, trial: [String] = []) {
        self.name = name
        self.debianPackage = debianPackage
        let found = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .map { URL(fileURLWithPath: String($0)).appendingPathComponent(name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        executable = found.flatMap { trial.isEmpty || (try? execute($0, trial, []))?.status == 0 ? $0 : nil }
    }

    /// Under CI a missing program fails the tests instead of skipping them.
    var shouldBeTested: Bool {
        executable != nil || ProcessInfo.processInfo.environment["CI"] == "true"
    }

    /// - Parameter input: the program's standard input.
    /// - Returns: the exit status, and its output, including standard error.
    func run(_ arguments: [String], input: [UInt8]) throws -> (status: Int32, output: String) {
        guard let executable else {
            throw Failure(description: "\(name) is not installed; Debian has it in the package \(debianPackage)")
        }
        return try execute(executable, arguments, input)
    }
}

private func execute(_ program: URL, _ arguments: [String], _ input: [UInt8]) throws -> (status: Int32, output: String)
{
    // From a file, not a pipe: the program may exit before it has read everything.
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("exposition-\(UUID().uuidString)")
    try Data(input).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }

    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: file)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}
