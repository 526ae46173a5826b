import Foundation
import TestSupport
import Testing

/// Passwords with every separator character, in every form of address and every command: they log in if the form can
/// carry them, and no part of one is shown anywhere.
@Suite("Canary passwords", .needs(.redisServer, .redisCLI, .openssl))
struct CanaryTests {
    private static let mark = "Canary"

    private static func look(for what: String, _ places: [String: String]) {
        for (place, text) in places where text.contains(mark) {
            let lines = text.replacingOccurrences(of: "\0", with: " ").split(separator: "\n")
            Issue.record("\(what), \(place): \(lines.first { $0.contains(mark) } ?? "")")
        }
    }

    @Test("each sign in each form, on the command line and in the environment", arguments: CanaryServer.Form.allCases)
    fileprivate func signs(form: CanaryServer.Form) async throws {
        try await CanaryServer.with { server in
            for (index, password) in CanaryServer.passwords.enumerated() {
                let address = server.address(form, password)
                let isVariable = index.isMultiple(of: 2)
                let run = try await Finished.relay(
                    [
                        "run", "--check-only", "--channel", "chat", "--listen", "127.0.0.1:0", "--log-level", "trace",
                    ] + (isVariable ? [] : ["--redis", address]) + server.options(form),
                    environment: isVariable ? ["BACKPLANE_RELAY_REDIS": address] : [:])
                let isIn = run.exit == .code(0) && run.output.contains("\nOK ")
                #expect(isIn == form.carries(password), "\(form) \(password): \(run.output)\(run.errors)")
                Self.look(for: "\(form) \(password)", ["output": run.output, "errors": run.errors])
            }
        }
    }

    @Test("in a password file, for --redis and --forward")
    func file() async throws {
        try await CanaryServer.with { server in
            try await RedisServer.with { other in
                let file = server.certificates.path("password")
                for (index, password) in CanaryServer.passwords.enumerated() {
                    try password.write(toFile: file, atomically: true, encoding: .utf8)
                    let address = server.addressesForFile[index % server.addressesForFile.count]
                    let base = ["run", "--check-only", "--channel", "chat", "--listen", "127.0.0.1:0"]
                    for arguments in [
                        ["--redis", address, "--redis-password-file", file],
                        ["--redis", other.url, "--forward", address, "--forward-password-file", file],
                    ] {
                        let run = try await Finished.relay(base + arguments)
                        #expect(run.exit == .code(0), "\(address) \(password): \(run.output)\(run.errors)")
                        Self.look(for: address, ["output": run.output, "errors": run.errors])
                    }
                }
            }
        }
    }

    /// A command, while it runs and after its end.
    ///
    /// - Parameter ready: a regular expression for its output once it is logged in.
    private static func watch(
        _ what: String, _ arguments: [String], environment: [String: String] = [:], until ready: String,
        server: CanaryServer, captures: String? = nil, endsByItself: Bool = false
    ) async throws -> ChildProcess.Exit {
        try await TemporaryDirectory.with { folder in
            let child = try await ChildProcess.start(
                RelayProcess.path(), arguments, environment: environment, folder: folder)
            var places: [String: String] = [:]
            do {
                let pattern = try Regex(ready + "|rror: |ended")
                try await eventually("\(what) is up") {
                    (child.output + child.errors).contains(pattern) ? true : nil
                }
                for name in ["cmdline", "environ"] {
                    // It may have ended already.
                    let content = FileManager.default.contents(atPath: "/proc/\(child.processIdentifier)/\(name)")
                    places[name] = content.map { String(decoding: $0, as: UTF8.self) }
                }
                let port = child.errors.firstMatch(of: #/http://127\.0\.0\.1:(\d+)/#).flatMap { Int($0.1) }
                for path in port == nil ? [] : ["/", "/metrics", "/-/ready"] {
                    places[path] = try await HTTPAnswer.get(port: port ?? 0, path)?.body
                }
                if port != nil { try await server.cutSubscribers() }
                if !endsByItself { child.signal(SIGTERM) }
                let exit = try await child.exit()
                places["output"] = child.output
                places["errors"] = child.errors
                for file in try captures.map({ try CaptureFiles.paths(in: $0) }) ?? [] {
                    let content = FileManager.default.contents(atPath: file) ?? Data()
                    places["capture"] = String(decoding: content, as: UTF8.self)
                }
                look(for: what, places)
                return exit
            } catch {
                await child.terminate()
                throw TestFailure("\(what): \(error)\n\(child.errors)")
            }
        }
    }

    @Test(
        "every command while it runs: process list, environment, page, metrics, log, capture, errors",
        arguments: CanaryServer.Form.allCases)
    fileprivate func commands(form: CanaryServer.Form) async throws {
        try await CanaryServer.with { server in
            try await RedisServer.with { other in
                try await TemporaryDirectory.with { folder in
                    _ = try await SmallCapture.record(from: other, into: folder + "/capture", bursts: 1)
                    let channel = ["--channel", "chat"]
                    let trace = ["--log-level", "trace"]
                    let listen = ["--listen", "127.0.0.1:0"]
                    for (index, password) in [CanaryServer.worst, CanaryServer.worstWithoutComma].enumerated() {
                        let address = server.address(form, password)
                        let options = server.options(form)
                        let directory = folder + "/recorded-\(index)"
                        let redis = ["--redis", address] + options
                        let carries = form.carries(password)
                        func expect(_ what: String, _ exit: ChildProcess.Exit) {
                            #expect((exit == .code(0)) == carries, "\(what) \(form) \(password): \(exit)")
                        }
                        // Its subscription is cut, so envelopes may have been missed.
                        let recorded = try await Self.watch(
                            "run",
                            ["run", "--record", directory, "--compression", "none", "--min-free-disk", "0"]
                                + redis + channel + listen + trace, until: " subscribed ", server: server,
                            captures: carries ? directory : nil)
                        #expect((recorded == .code(0) || recorded == .code(3)) == carries, "run: \(recorded)")
                        expect(
                            "run by a variable",
                            try await Self.watch(
                                "run by a variable", ["run"] + options + channel + listen + trace,
                                environment: ["BACKPLANE_RELAY_REDIS": address], until: " subscribed ", server: server))
                        expect(
                            "forward",
                            try await Self.watch(
                                "forward",
                                ["run", "--redis", other.url, "--forward", address]
                                    + server.options(form, forward: true) + channel + listen + trace,
                                until: " forwarding ", server: server))
                        expect(
                            "tail",
                            try await Self.watch(
                                "tail", ["tail"] + redis + channel + trace, until: "subscribed|attached|watching",
                                server: server))
                        expect(
                            "hub",
                            try await Self.watch(
                                "hub", ["hub"] + redis + channel + listen + trace, until: "page=", server: server))
                        expect(
                            "channels",
                            try await Self.watch(
                                "channels", ["channels"] + redis + trace, until: "no channel|looks like",
                                server: server, endsByItself: true))
                        expect(
                            "replay",
                            try await Self.watch(
                                "replay", ["replay", folder + "/capture", "--to", address, "--dry-run"] + options,
                                until: "target", server: server, endsByItself: true))
                        if form == .redis || form == .stackExchange {
                            expect(
                                "check",
                                try await Self.watch(
                                    "check",
                                    ["check", "--messages", "1", "--transport", "longPolling"] + redis
                                        + channel + trace, until: "PASS|FAIL", server: server, endsByItself: true))
                        }
                    }
                }
            }
        }
    }
}
