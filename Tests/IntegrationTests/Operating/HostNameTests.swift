import Foundation
import TestSupport
import Testing

/// Requests with foreign host names (DNS rebinding), and names with terminal control sequences.
@Suite("Names from outside", .serialized, .needs(.redisServer, .curl))
struct HostNameTests {
    private static func ask(_ port: Int, _ path: String, host: String, extra: [String] = []) async throws -> Finished {
        try await Finished.running(
            .curl,
            ["--silent", "--max-time", "10", "--write-out", "\n%{http_code}", "--header", "Host: \(host)"] + extra
                + ["http://127.0.0.1:\(port)\(path)"])
    }

    @Test("on the loopback only its names and those of --allow-host are accepted; health checks under any name")
    func rebinding() async throws {
        try await RedisServer.with { redis in
            let arguments = ["--redis", redis.url, "--channel", "chat", "--allow-host", "Relay.Example"]
            try await RelayProcess.with(arguments) { relay in
                for path in ["/", "/live", "/live.js", "/segments/x", "/login", "/metrics", "/nothing"] {
                    for host in ["evil.example", "evil.example:\(relay.port)", "localhost.evil.example"] {
                        let answer = try await Self.ask(relay.port, path, host: host)
                        #expect(answer.output.hasSuffix("\n421"), "\(path) as \(host)")
                        #expect(answer.output.contains("--allow-host") && answer.output.contains("'\(host)'"))
                    }
                }
                for host in ["localhost", "LOCALHOST:1", "[::1]", "relay.example", "relay.example.:443", "127.0.0.9"] {
                    #expect(try await Self.ask(relay.port, "/", host: host).output.hasSuffix("\n200"), "\(host)")
                }
                for path in ["/-/healthy", "/-/ready"] {
                    #expect(try await Self.ask(relay.port, path, host: "evil.example").output.hasSuffix("\n200"))
                }
                for request in [
                    "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
                ] {
                    let client = try HalfRequest(port: relay.port, request)
                    #expect(client.received().contains(" 421 "), "\(request)")
                    client.close()
                }
                for (host, target, status) in [
                    ("evil.example", "http://127.0.0.1/", "421"), ("localhost", "http://localhost/", "200"),
                ] {
                    let extra = ["--request-target", target]
                    let answer = try await Self.ask(relay.port, "/", host: host, extra: extra)
                    #expect(answer.output.hasSuffix("\n" + status))
                }
                // Messages about the name contain no terminal control sequences.
                let answer = try await Self.ask(relay.port, "/", host: "evil\u{9B}31m\u{202E}")
                #expect(!answer.output.unicodeScalars.contains { $0 == "\u{9B}" || $0 == "\u{202E}" })
            }
        }
    }

    @Test("--allow-host refuses a scheme, a port or a path", arguments: ["http://a", "a:80", "a/b", "", "a b"])
    func noName(value: String) async throws {
        let run = try await Finished.relay([
            "run", "--redis", "127.0.0.1:1", "--channel", "chat", "--allow-host=\(value)",
        ])
        #expect(run.exit == .code(64))
        #expect(run.errors.contains("--allow-host"))
    }

    @Test("a channel's name controls neither a terminal nor the text page")
    func steering() async throws {
        let name = "a\u{1B}]0;x\u{7}\u{9B}31m\u{202E}b\u{7F}"
        let shown = "a\u{FFFD}]0;x\u{FFFD}\u{FFFD}31m\u{FFFD}b\u{FFFD}"
        let steers: (String) -> Bool = { text in
            text.unicodeScalars.contains {
                ($0.value < 0x20 && $0 != "\n" && $0 != "\t" && $0 != "\r") || (0x7F...0x9F).contains($0.value)
                    || $0 == "\u{202E}"
            }
        }
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let capture = folder + "/capture"
                for format in ["text", "json"] {
                    try await RelayProcess.with(
                        [
                            "--redis", redis.url, "--channel", name, "--record", capture, "--min-free-disk", "0",
                            "--log-format", format,
                        ]
                    ) { relay in
                        let page = try #require(try await HTTPAnswer.get(port: relay.port, "/"))
                        #expect(page.body.contains("watches \(shown)"))
                        #expect(!steers(page.body))
                        try await redis.withClient { client in
                            _ = try await NodePublisher(client, channel: name).publish(5)
                        }
                        try await relay.waitForMetrics("it was recorded") {
                            $0.contains {
                                $0.key.hasPrefix("backplane_relay_recorded_envelopes_total") && $0.value >= 5
                            }
                        }
                        #expect(try await relay.stop() == .code(0))
                        #expect(!steers(relay.child.errors), "\(relay.child.errors.debugDescription)")
                    }
                }
                for arguments in [
                    ["info"], ["info", "--json"], ["cat"], ["verify"], ["info", "--channel", name],
                    ["replay", "--to", redis.url, "--dry-run"], ["replay", "--to", redis.url, "--dry-run", "--json"],
                    ["replay", "--to", redis.url, "--yes", "--map-channel", "\(name)=\(name)x"],
                ] {
                    let run = try await Finished.relay([arguments[0], capture] + arguments.dropFirst())
                    #expect(!steers(run.output), "\(arguments): \(run.output.debugDescription)")
                    #expect(!steers(run.errors), "\(arguments): \(run.errors.debugDescription)")
                }
                let check = try await Finished.relay(["run", "--check-only", "--redis", redis.url, "--channel", name])
                #expect(!steers(check.output) && !steers(check.errors))
                let missing = try await Finished.relay(["info", folder + "/" + name])
                #expect(missing.exit != .code(0) && !steers(missing.errors), "\(missing.errors.debugDescription)")
            }
        }
    }
}
