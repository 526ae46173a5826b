import Foundation
import HubNode
import TestSupport
import Testing

/// `check --core` at nodes that require something: a token, a header, TLS.
@Suite("What nodes require of check --core", .serialized, .needs(.redisServer, .nginx))
struct CheckAccessTests {
    private static let hub = "Chat.Hubs.ChatHub"

    /// None is part of another, or of anything else that is printed.
    private enum Canary {
        static let token = "canary-of-the-token-4721"
        static let header = "canary-in-a-header-4722"
        static let wrong = "canary-of-a-wrong-token-4723"
        static let all = [token, header, wrong]
    }

    private static let passing = """
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
        proxy_read_timeout 120s; proxy_buffering off;
        """

    private static func guarded(_ port: Int) -> String {
        """
        location /chathub {
          if ($http_authorization != "Bearer \(Canary.token)") { return 401; }
          if ($http_x_tenant != "\(Canary.header)") { return 403; }
          \(passing) proxy_pass http://127.0.0.1:\(port);
        }
        """
    }

    private func withNode(_ redis: RedisServer, _ body: (_ port: Int) async throws -> Void) async throws {
        try await TestHubNode.with(redis: redis, channel: "") {
            $0.core = CoreHubSettings(backplane: CoreBackplaneSettings(hubType: Self.hub))
        } _: { port in
            try await body(port)
        }
    }

    private func look(_ what: String, _ text: String) {
        for canary in Canary.all { #expect(!text.contains(canary), "\(what)") }
    }

    /// Runs a command to its end, and looks for secrets in all that it shows meanwhile and afterwards.
    private func run(_ arguments: [String], _ folder: String) async throws -> (ChildProcess, ChildProcess.Exit) {
        let child = try await ChildProcess.start(RelayProcess.path(), arguments, folder: folder)
        for name in ["cmdline", "environ"] {
            let content = FileManager.default.contents(atPath: "/proc/\(child.processIdentifier)/\(name)")
            look(name, String(decoding: content ?? Data(), as: UTF8.self))
        }
        let exit = try await child.exit(within: .seconds(120))
        look("\(arguments)", child.output + child.errors)
        return (child, exit)
    }

    @Test("token and header from files are sent, and shown nowhere; the wrong ones are refused by name")
    func secrets() async throws {
        try await TemporaryDirectory.with { folder in
            try Data(Canary.token.utf8).write(to: URL(filePath: folder + "/token"))
            try Data((Canary.wrong + "\n").utf8).write(to: URL(filePath: folder + "/wrong"))
            try Data("X-Tenant: \(Canary.header)\n".utf8).write(to: URL(filePath: folder + "/headers"))
            try await RedisServer.with { redis in
                try await withNode(redis) { node in
                    try await NginxServer.with(locations: Self.guarded(node)) { proxy in
                        let check = [
                            "check", "--core", "--core-hub", Self.hub, "--redis", redis.url, "--log-level", "trace",
                            "--hub-url", "http://127.0.0.1:\(proxy.port)/chathub",
                        ]
                        let (token, headers) = (
                            ["--hub-token-file", folder + "/token"], ["--hub-header-file", folder + "/headers"]
                        )
                        for options in [["--messages", "10"], ["--messages", "10", "--json"], ["--ping"]] {
                            let (child, exit) = try await run(check + token + headers + options, folder)
                            #expect(exit == .code(0), "\(options): \(child.output)\(child.errors)")
                        }
                        for (options, status) in [
                            (headers, 401), (["--hub-token-file", folder + "/wrong"] + headers, 401), (token, 403),
                        ] {
                            for kind in [["--messages", "10"], ["--ping"]] {
                                let (child, exit) = try await run(check + options + kind, folder)
                                #expect(exit == .code(1), "\(options): \(child.output)")
                                #expect(
                                    child.errors.contains("refused the negotiation with \(status)"),
                                    "\(child.errors)")
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("repeated, it serves its metrics")
    func repeated() async throws {
        try await TemporaryDirectory.with { folder in
            try Data(Canary.token.utf8).write(to: URL(filePath: folder + "/token"))
            try Data("X-Tenant: \(Canary.header)\n".utf8).write(to: URL(filePath: folder + "/headers"))
            try await RedisServer.with { redis in
                try await withNode(redis) { node in
                    try await NginxServer.with(locations: Self.guarded(node)) { proxy in
                        let child = try await ChildProcess.start(
                            RelayProcess.path(),
                            [
                                "check", "--core", "--core-hub", Self.hub, "--redis", redis.url, "--log-level",
                                "trace", "--hub-url", "http://127.0.0.1:\(proxy.port)/chathub", "--messages", "10",
                                "--hub-token-file", folder + "/token", "--hub-header-file", folder + "/headers",
                                "--interval", "1s", "--listen", "127.0.0.1:0",
                            ], folder: folder)
                        do {
                            let port = try await eventually("it listens") {
                                child.errors.firstMatch(of: #/metrics=http://127\.0\.0\.1:(\d+)/#).flatMap {
                                    Int($0.1)
                                }
                            }
                            let metrics = try await eventually("two checks passed", within: .seconds(60)) {
                                let text = try await HTTPAnswer.demand(port: port, "/metrics").body
                                let passed = text.firstMatch(
                                    of: #/check_runs_total\{result="pass"\} (\d+)/#)
                                return passed.flatMap { Int($0.1) } ?? 0 >= 2 ? text : nil
                            }
                            #expect(metrics.contains("backplane_relay_check_success 1\n"))
                            #expect(metrics.contains("backplane_relay_check_messages_lost_total 0\n"))
                            look("the metrics", metrics)
                        } catch {
                            await child.terminate()
                            throw TestFailure("\(error)\n\(child.output)\(child.errors)")
                        }
                        child.signal(SIGTERM)
                        #expect(try await child.exit() == .code(0))
                        #expect(child.output.contains("PASS  "))
                        look("the output", child.output + child.errors)
                    }
                }
            }
        }
    }

    @Test("over TLS to the nodes and to Redis, with an authority of one's own", .needs(.openssl))
    func tls() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            try certificates.make("node")
            let (tlsPort, authority) = (try FreePort.find(), certificates.path("ca.crt"))
            try await RedisServer.with(certificates.serverArguments("redis", port: tlsPort)) { redis in
                let backplane = [
                    "--redis", "rediss://localhost:\(tlsPort)", "--redis-ca-file", authority, "--core-hub",
                    Self.hub,
                ]
                try await HubProcess.with(backplane, certificates.folder) { first, _ in
                    try await HubProcess.with(backplane, certificates.folder) { second, _ in
                        let ports = [try FreePort.find(), try FreePort.find()]
                        let locations = zip(ports, [first, second]).map { port, node in
                            """
                            listen 127.0.0.1:\(port) ssl;
                            location /\(node)/ { \(Self.passing) proxy_pass http://127.0.0.1:\(node)/; }
                            """
                        }
                        let ssl =
                            "ssl_certificate \(certificates.path("node.crt")); ssl_certificate_key \(certificates.path("node.key"));\n"
                        try await NginxServer.with(locations: ssl + locations.joined(separator: "\n")) { _ in
                            let hubs = zip(ports, [first, second]).flatMap { port, node in
                                ["--hub-url", "https://localhost:\(port)/\(node)/chathub"]
                            }
                            let check = ["check", "--core"] + backplane + hubs
                            for options in [["--messages", "20"], ["--ping"]] {
                                let trusting = try await Finished.relay(
                                    check + ["--hub-ca-file", authority] + options, within: .seconds(120))
                                #expect(trusting.exit == .code(0), "\(trusting.output)\(trusting.errors)")
                                #expect(trusting.output.contains("PASS  "))
                            }
                            let strange = try await Finished.relay(check + ["--ping"])
                            #expect(strange.exit == .code(1))
                            #expect(
                                strange.errors.contains("not signed by an authority that this machine trusts"),
                                "\(strange.errors)")
                            let wrong = try await Finished.relay(
                                check + ["--hub-ca-file", certificates.path("node.key")])
                            #expect(wrong.exit == .code(1))
                            #expect(wrong.errors.contains("--hub-ca-file: "), "\(wrong.errors)")
                        }
                    }
                }
            }
        }
    }
}
