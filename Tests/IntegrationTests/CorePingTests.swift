import Backplane
import Foundation
import HubNode
import NIOCore
import Redis
import TestSupport
import Testing

/// `run --ping` beside this package's nodes: round trips without changing the application, and its commands to Redis.
@Suite("The backplane ping", .serialized, .needs(.redisServer, .redisCLI))
struct CorePingTests {
    private static let hub = CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")
    private static let watching = ["--core", "--channel-prefix", "app:"]
    private static let nodes = "signalr_backplane_nodes" + labels()
    private static let answered = "backplane_relay_core_ping_seconds_count" + labels()
    private static let timeouts = "backplane_relay_core_ping_timeouts_total" + labels()

    private static func labels() -> String { #"{channel="\#(hub.topic)",backplane="core"}"# }

    @Test(
        "publishes only its pings, is answered by each node, and is not counted as a node; without it nothing is published"
    )
    func measures() async throws {
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { redis in
                try await withNode(redis) { first in
                    try await withNode(redis) { second in
                        try await withConnection(first) { one in
                            try await withConnection(second) { other in
                                let pings = try await published(redis, folder + "/with", ["--ping", "1s"]) {
                                    relay in
                                    // A second relay also counts the nodes.
                                    try await RelayProcess.with(["--redis", redis.url] + Self.watching) { idle in
                                        try await relay.waitForMetric(
                                            Self.answered, atLeast: 6, within: .seconds(40))
                                        for relay in [relay, idle] {
                                            try await relay.waitForMetrics("two nodes", within: .seconds(40)) {
                                                $0[Self.nodes] == 2
                                            }
                                        }
                                    }
                                    let shown = try await relay.metrics()
                                    #expect(shown[Self.timeouts] == 0)
                                    #expect(
                                        shown[
                                            #"signalr_backplane_group_acks_missing_total"# + Self.labels()] == 0)
                                    let channels = try await Finished.relay(
                                        ["channels", "--redis", redis.url])
                                    #expect(channels.output.contains("2 nodes"), "\(channels.output)")
                                }
                                #expect(Set(pings.own.map(\.connection)) == [one, other])
                                #expect(pings.own.allSatisfy { $0.channel == Self.hub.channel(.groupCommand) })
                                #expect(pings.own.allSatisfy { CorePing.isSender($0.server.utf8) })
                                #expect(Set(pings.own.map(\.server)).count == 1)
                                // The nodes publish one ack per ping.
                                let acks = Self.hub.channel(.ack, pings.own.first?.server ?? "")
                                #expect(pings.others.allSatisfy { $0 == acks }, "\(pings.others)")
                                #expect(abs(pings.others.count - pings.own.count) <= 2)

                                let none = try await published(redis, folder + "/without", []) { relay in
                                    try await relay.waitForMetrics("two nodes", within: .seconds(40)) {
                                        $0[Self.nodes] == 2
                                    }
                                    try await Task.sleep(for: .seconds(3))
                                    #expect(
                                        try await relay.metrics().keys.allSatisfy { !$0.contains("core_ping") })
                                }
                                #expect(none.own.isEmpty && none.others.isEmpty)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a node that hangs is reported once, and its recovery; a connection that has ended is not a timeout")
    func hangs() async throws {
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { redis in
                let arguments = [
                    "--redis", redis.url, "--core-hub", Self.hub.type, "--channel-prefix", Self.hub.prefix,
                ]
                try await HubProcess.with(arguments, folder) { port, node in
                    try await withConnection(port) { connection in
                        let ping = ["--redis", redis.url, "--ping", "1s"] + Self.watching
                        try await RelayProcess.with(ping) { relay in
                            try await withConnection(port) { _ in
                                try await relay.waitForMetric(Self.answered, atLeast: 2, within: .seconds(40))
                            }
                            // Its channel is still in the list of connections.
                            let before = Int(try await relay.metric(Self.answered))
                            try await relay.waitForMetric(
                                Self.answered, atLeast: before + 4, within: .seconds(40))
                            #expect(try await relay.metric(Self.timeouts) == 0)
                            node.signal(SIGSTOP)
                            try await relay.waitForMetric(Self.timeouts, atLeast: 3, within: .seconds(40))
                            node.signal(SIGCONT)
                            try await eventually("the log says that the ping is answered again") {
                                relay.child.errors.contains("the backplane ping is answered again") ? true : nil
                            }
                            let said = relay.child.errors.matches(of: #/does not answer the backplane ping/#)
                            #expect(said.count == 1, "\(relay.child.errors)")
                            #expect(relay.child.errors.contains("connection=\(connection)"))
                        }
                    }
                }
            }
        }
    }

    @Test("the ACL line of the pre-flight grants PUBLISH; without that permission the log says so")
    func right() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port in
                try await withConnection(port) { _ in
                    let check = try await Finished.relay(
                        ["run", "--check-only", "--redis", redis.url, "--ping", "30s"] + Self.watching)
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    let line = try #require(
                        check.output.firstMatch(of: #/acl +(ACL SETUSER .*)/#).map { String($0.1) })
                    #expect(line.contains(" +publish"))
                    #expect(check.output.contains("every 30s: PUBLISH"), "\(check.output)")
                    let words = line.replacing(">SECRET", with: ">x").split(separator: " ").map { String($0) }
                    try await redis.command(words.map { .text($0) })
                    let user = redis.url.replacing("redis://", with: "redis://relay:x@")
                    let arguments = ["--redis", user, "--ping", "1s"] + Self.watching
                    try await RelayProcess.with(arguments) { relay in
                        try await relay.waitForMetric(Self.answered, atLeast: 1, within: .seconds(40))
                    }
                    try await redis.command(["ACL", "SETUSER", "relay", "-publish"])
                    try await RelayProcess.with(arguments) { relay in
                        try await eventually("the log says what is refused", within: .seconds(40)) {
                            relay.child.errors.contains(#/cannot ping the nodes.*PUBLISH/#) ? true : nil
                        }
                        try await relay.waitForMetric(
                            "backplane_relay_core_ping_errors_total", atLeast: 1, within: .seconds(40))
                        // The relay still works.
                        #expect(try await relay.readiness() == 200)
                    }
                }
            }
        }
    }

    @Test("options with which it could not work are refused")
    func refusals() async throws {
        for (arguments, part) in [
            (["--channel", "chat", "--ping", "30s"], "--ping: pings nodes of ASP.NET Core SignalR"),
            (["--core", "--ping", "10ms"], "--ping: a time from 1s"),
            (["--core", "--ping", "30s", "--max-channel-scan", "0"], "--ping: finds connections"),
        ] {
            let run = try await Finished.relay(["run", "--redis", "redis://127.0.0.1:1"] + arguments)
            #expect(run.exit == .code(64))
            #expect(run.errors.contains(part), "\(run.errors)")
        }
    }

    // MARK: - Steps

    private struct Command {
        let channel: String
        let server: String
        let connection: String
    }

    /// The commands that a relay published, according to MONITOR, and the channels on which others published.
    private func published(
        _ redis: RedisServer, _ folder: String, _ arguments: [String],
        _ body: (RelayProcess) async throws -> Void
    ) async throws -> (own: [Command], others: [String]) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let monitor = try await ChildProcess.start(
            Tool.redisCLI.requiredPath(), ["-p", "\(redis.port)", "monitor"], folder: folder)
        do {
            try await eventually("MONITOR has begun") { monitor.output.hasPrefix("OK") ? true : nil }
            let others = try await addresses(redis)
            var addresses: Set<String> = []
            try await RelayProcess.with(["--redis", redis.url] + Self.watching + arguments) { relay in
                try await body(relay)
                addresses = try await self.addresses(redis).subtracting(others)
            }
            #expect(!addresses.isEmpty)
            let output = monitor.output
            await monitor.terminate()
            return try Self.publishes(output, of: addresses)
        } catch {
            await monitor.terminate()
            throw error
        }
    }

    /// The addresses of all connected clients of Redis.
    private func addresses(_ redis: RedisServer) async throws -> Set<String> {
        let clients = try await redis.command(["CLIENT", "LIST"]).text ?? ""
        return Set(clients.matches(of: #/ addr=([^ ]+)/#).map { String($0.1) })
    }

    /// A line of MONITOR: `1700000000.1 [0 127.0.0.1:5] "PUBLISH" "channel" "\x95\x01..."`.
    private static func publishes(
        _ output: String, of addresses: Set<String>
    ) throws -> (own: [Command], others: [String]) {
        var (own, others): ([Command], [String]) = ([], [])
        for line in output.split(separator: "\n") {
            guard
                let match = line.wholeMatch(
                    of: #/[0-9.]+ \[\d+ ([^ ]+)\] "(?i:publish)" "([^"]*)" "(.*)"/#)
            else { continue }
            let channel = String(match.2)
            guard addresses.contains(String(match.1)) else {
                others.append(channel)
                continue
            }
            guard
                case .groupCommand(let command) = try CorePayload(
                    decoding: Self.unescaped(match.3), as: .groupCommand)
            else { throw TestFailure("no group command: \(line)") }
            #expect(command.rawAction == 2 && command.group == CorePing.group)
            own.append(Command(channel: channel, server: command.server, connection: command.connection))
        }
        return (own, others)
    }

    private static func unescaped(_ text: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "x"):
                bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "a"): bytes.append(7)
            case UInt8(ascii: "b"): bytes.append(8)
            default: bytes.append(escape)
            }
        }
        return bytes
    }

    private func withNode(_ redis: RedisServer, _ body: (_ port: Int) async throws -> Void) async throws {
        try await TestHubNode.with(redis: redis, channel: "") {
            $0.core = CoreHubSettings(
                backplane: CoreBackplaneSettings(hubType: Self.hub.type, channelPrefix: Self.hub.prefix))
        } _: { port in
            try await body(port)
        }
    }

    /// Runs `body` while a client is connected over server-sent events.
    private func withConnection(
        _ port: Int, _ body: (_ connectionID: String) async throws -> Void
    ) async throws {
        let answer = try await RawHTTP.with(port: port, "POST", "/chathub/negotiate?negotiateVersion=1") {
            try await $0.rest()
        }
        guard let id = answer.firstMatch(of: #/"connectionId":"([^"]+)"/#).map({ String($0.1) }),
            let token = answer.firstMatch(of: #/"connectionToken":"([^"]+)"/#).map({ String($0.1) })
        else { throw TestFailure("no negotiation: \(answer)") }
        try await RawHTTP.with(
            port: port, "GET", "/chathub?id=\(token)", headers: [("Accept", "text/event-stream")]
        ) { stream in
            _ = try await stream.take(through: ":\r\n")
            let handshake = #"{"protocol":"json","version":1}"# + "\u{1E}"
            try await RawHTTP.with(port: port, "POST", "/chathub?id=\(token)", form: handshake) {
                _ = try await $0.rest()
            }
            _ = try await stream.take(through: "{}\u{1E}\r\n\r\n")
            try await body(id)
        }
    }
}
