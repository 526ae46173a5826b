import Foundation

/// A `backplane-relay run` process.
package final class RelayProcess: Sendable {
    package let child: ChildProcess
    /// The port of `/metrics`.
    package let port: Int

    private init(child: ChildProcess, port: Int) {
        self.child = child
        self.port = port
    }

    /// The command: what `RELAY` names (`Tests/run --relay`), otherwise the one next to the test's own executable.
    package static func path() throws -> String {
        if let path = ProcessInfo.processInfo.environment["RELAY"] { return path }
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

    /// Starts a relay and waits until it is listening; it may not be ready yet.
    ///
    /// - Parameters:
    ///   - folder: the directory for its standard error.
    ///   - logFile: the log file instead of standard error.
    package static func start(
        _ arguments: [String], environment: [String: String] = [:], folder: String, logFile: String? = nil
    ) async throws -> RelayProcess {
        // Through env, which then becomes the relay: a library in LD_PRELOAD may set variables at its start, and then
        // Swift no longer finds the arguments.
        let child = try await ChildProcess.start(
            "/usr/bin/env",
            [path(), "run", "--listen", "127.0.0.1:0"] + arguments + (logFile.map { ["--log-file", $0] } ?? []),
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

    /// Runs `body` with a relay that is ready, and stops the relay when `body` returns or throws.
    package static func with<Value>(
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

    /// The status of `/-/ready`; nil while there is no response.
    package func readiness() async throws -> Int? {
        try await HTTPAnswer.get(port: port, "/-/ready")?.status
    }

    package func waitUntilReady(within limit: Duration = .seconds(20)) async throws {
        try await eventually("the relay is ready", within: limit) { try await readiness() == 200 ? true : nil }
    }

    /// All series of `/metrics`, by their names as written, such as `signalr_backplane_up{channel="chat",backplane="signalr2"}`.
    package func metrics() async throws -> [String: Double] {
        let asked = ContinuousClock.now
        do {
            let answer = try await HTTPAnswer.demand(port: port, "/metrics")
            guard answer.status == 200 else { throw TestFailure("status \(answer.status): \(answer.body)") }
            return Self.series(answer.body)
        } catch {
            throw TestFailure("no metrics from /metrics after \(ContinuousClock.now - asked): \(error)")
        }
    }

    private static func series(_ text: String) -> [String: Double] {
        var series: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            series[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return series
    }

    /// - Parameter series: as written.
    package func metric(_ series: String) async throws -> Double {
        guard let value = try await metrics()[series] else { throw TestFailure("/metrics has no series \(series)") }
        return value
    }

    package func waitForMetric(
        _ series: String, atLeast count: Int, within limit: Duration = .seconds(20)
    ) async throws {
        try await waitForMetrics("\(series) reaches \(count)", within: limit) { metrics in
            guard let value = metrics[series] else { throw TestFailure("/metrics has no series \(series)") }
            return value >= Double(count)
        }
    }

    /// Waits until the metrics satisfy a condition described by `what`; a failed scrape is repeated.
    package func waitForMetrics(
        _ what: String, within limit: Duration = .seconds(20), isolation: isolated (any Actor)? = #isolation,
        _ isReached: ([String: Double]) throws -> Bool
    ) async throws {
        try await eventually(what, within: limit) { () -> Bool? in
            guard let answer = try await HTTPAnswer.get(port: port, "/metrics"), answer.status == 200 else {
                return nil
            }
            return try isReached(Self.series(answer.body)) ? true : nil
        }
    }

    /// Stops it like a service manager, and waits for its end.
    package func stop() async throws -> ChildProcess.Exit {
        child.signal(SIGTERM)
        return try await child.exit()
    }
}
