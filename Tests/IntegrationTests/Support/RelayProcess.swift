import EndToEnd
import Foundation

/// `backplane-relay run`, as an operator starts it.
final class RelayProcess: Sendable {
    let child: ChildProcess
    /// Of `/metrics`.
    let port: Int

    private init(child: ChildProcess, port: Int) {
        self.child = child
        self.port = port
    }

    /// The command, beside the test's own executable.
    static func path() throws -> String {
        let test = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var folder = test.deletingLastPathComponent()
        while folder.path != "/" {
            let path = folder.appendingPathComponent("backplane-relay").path
            var isDirectory: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
                return path
            }
            folder.deleteLastPathComponent()
        }
        throw TestFailure("no backplane-relay beside \(test.path); swift build --build-tests makes it")
    }

    /// Starts a relay and waits until it listens; it may not be ready yet.
    ///
    /// - Parameters:
    ///   - folder: for what it says on standard error.
    ///   - logFile: where it logs instead.
    static func start(
        _ arguments: [String], environment: [String: String] = [:], folder: String, logFile: String? = nil
    ) async throws -> RelayProcess {
        let child = try await ChildProcess.start(
            path(), ["run", "--listen", "127.0.0.1:0"] + arguments + (logFile.map { ["--log-file", $0] } ?? []),
            environment: environment, folder: folder)
        do {
            let port = try await eventually("the relay listens") {
                let log = logFile.map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" } ?? child.errors
                return log.firstMatch(of: #/https?://127\.0\.0\.1:(\d+)/metrics/#).flatMap { Int($0.1) }
            }
            return RelayProcess(child: child, port: port)
        } catch {
            await child.terminate()
            throw TestFailure("\(error)\n\(child.errors)")
        }
    }

    /// Runs `body` beside a relay that is ready, and ends the relay, however `body` returns.
    static func with<Value>(
        _ arguments: [String], environment: [String: String] = [:], logFile: String? = nil,
        waitsUntilReady: Bool = true, isolation: isolated (any Actor)? = #isolation,
        _ body: (RelayProcess) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let relay = try await start(arguments, environment: environment, folder: folder, logFile: logFile)
            do {
                if waitsUntilReady { try await relay.waitUntilReady() }
                let value = try await body(relay)
                await relay.child.terminate()
                return value
            } catch {
                await relay.child.terminate()
                throw TestFailure("\(error)\nThe relay said:\n\(relay.child.errors.suffix(4_000))")
            }
        }
    }

    /// The status of `/-/ready`; nil while nobody answers.
    func readiness() async throws -> Int? {
        try await HTTPAnswer.get(port: port, "/-/ready")?.status
    }

    func waitUntilReady() async throws {
        try await eventually("the relay is ready") { try await readiness() == 200 ? true : nil }
    }

    /// - Parameter series: as written, such as `signalr_backplane_gaps_total{channel="chat"}`.
    func metric(_ series: String) async throws -> Double {
        guard let value = try await MetricsScrape.read(port: port)[series] else {
            throw TestFailure("/metrics has no series \(series)")
        }
        return value
    }

    func waitForMetric(_ series: String, atLeast count: Int) async throws {
        try await eventually("\(series) reaches \(count)") {
            try await metric(series) >= Double(count) ? true : nil
        }
    }

    /// Ends it as a service manager does, and waits for its end.
    func stop() async throws -> ChildProcess.Exit {
        child.signal(SIGTERM)
        return try await child.exit()
    }
}
