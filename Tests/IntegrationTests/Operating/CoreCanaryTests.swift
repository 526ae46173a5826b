import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// User data and names, placed wherever the wire of ASP.NET Core carries them, and searched for in every output of the
/// program.
@Suite("Canaries on the wire of ASP.NET Core", .serialized, .needs(.redisServer, .curl), .timeLimit(.minutes(3)))
struct CoreCanaryTests {
    /// No canary is part of another, or of anything else that is printed.
    private enum Canary {
        static let user = "canary-user@example.org"
        static let group = "canary-group:x"
        static let connection = "CanaryConnection-_4711"
        static let names = [user, group, connection]
        /// The value of a member named by `--redact-json-keys`.
        static let member = "canary-in-a-member"
        /// Any other value in an argument, a header, an error or a result.
        static let value = "canary-in-a-value"
    }

    /// - Returns: whether a text contains the secret: plain, as Base64 or as hexadecimal digits.
    private static func holds(_ text: Data, _ canary: String) -> Bool {
        let data = Data(canary.utf8)
        // Base64 at each of three offsets, without the digits that depend on neighbouring bytes.
        let encoded = (0..<3).map { shift in
            let base64 = (Data(repeating: 0, count: shift) + data).base64EncodedData()
            return base64.dropFirst(shift == 0 ? 0 : shift + 1).prefix((data.count - 2) * 4 / 3)
        }
        let hex = Data(data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined().utf8)
        return ([data, hex] + encoded).contains { text.range(of: $0) != nil }
    }

    private static let hub = CoreHub(prefix: "shop:", type: "Chat.Hubs.ChatHub")

    private static func frame(_ build: (inout MessagePackWriter) -> Void) -> [UInt8] {
        var writer = MessagePackWriter()
        build(&writer)
        let count = writer.bytes.count
        let length = count < 128 ? [UInt8(count)] : [UInt8(count & 0x7F | 0x80), UInt8(count >> 7)]
        return length + writer.bytes
    }

    /// A call in three protocols; the last one is unknown to others.
    private static func call(_ value: String = Canary.value, asks: Bool = false) -> [UInt8] {
        let text =
            #"{"type":1,"target":"Say","headers":{"token":"\#(Canary.member)"},"arguments":["\#(value)",{"Token":"\#(Canary.member)","n":[{"token":{"deep":"\#(Canary.member)"}}]}]}"#
        let pack = frame { writer in
            writer.array(6)
            writer.int(1)
            writer.map(1)
            writer.string("token")
            writer.string(Canary.member)
            writer.nil()
            writer.string("Say")
            writer.array(2)
            writer.string(value)
            writer.map(2)
            writer.string("Token")
            writer.binary(Array(Canary.member.utf8))
            writer.string("n")
            writer.array(1)
            writer.map(1)
            writer.string("token")
            writer.string(Canary.member)
            writer.array(0)
        }
        var invocation = CoreInvocation(
            excluded: [Canary.connection],
            frames: [
                .init(protocolName: "json", bytes: Array((text + "\u{1E}").utf8)),
                .init(protocolName: "messagepack", bytes: pack),
                .init(protocolName: "own", bytes: Array(Canary.member.utf8)),
            ])
        if asks { invocation.reply = .init(invocationID: "1", channel: "Chat.Hubs.ChatHub:internal:return:web1") }
        return invocation.encoded()
    }

    /// Channel and payload of each kind, some with undecodable bytes.
    private static func traffic(_ value: String) -> [(channel: [UInt8], payload: [UInt8])] {
        func on(_ kind: CoreKind, _ name: String, _ payload: [UInt8]) -> (channel: [UInt8], payload: [UInt8]) {
            (hub.channel(kind, Array(name.utf8)), payload)
        }
        let command = CoreGroupCommand(
            id: 1, server: "web1", action: .add, group: Canary.group, connection: Canary.connection)
        let result = #"{"type":3,"invocationId":"1","result":{"token":"\#(Canary.member)","x":"\#(value)"}}"# + "\u{1E}"
        let failure = frame { writer in
            writer.array(5)
            writer.int(3)
            writer.map(0)
            writer.string("1")
            writer.int(1)
            writer.string(value)
        }
        let broken = Array(Canary.member.utf8)
        return [
            on(.all, "", call(value)), on(.group, Canary.group, call(value)), on(.user, Canary.user, call(value)),
            on(.connection, Canary.connection, call(value, asks: true)),
            on(.groupCommand, "", CorePayload.groupCommand(command).encoded()),
            on(.ack, "web1", CorePayload.ack(id: 1).encoded()),
            on(.result, "web1", CoreCompletion(protocolName: "json", frame: Array(result.utf8)).encoded()),
            on(.result, "web1", CoreCompletion(protocolName: "messagepack", frame: failure).encoded()),
            on(.all, "", broken), on(.group, Canary.group, broken), on(.groupCommand, "", broken),
            on(.user, Canary.user, Array(call(value).dropLast(3))), on(.ack, "web1", broken),
        ]
    }

    enum Policy: String, CaseIterable {
        case hash, none, keys

        /// The privacy options of a run, each with `--names hash`.
        var options: [String] {
            let names = ["--names", "hash"]
            return switch self {
            case .hash: names + ["--payload", "hash"]
            case .none: names + ["--payload", "none"]
            case .keys: names + ["--redact-json-keys", "token"]
            }
        }

        /// The canaries that must not appear in clear.
        fileprivate var secrets: [String] {
            Canary.names + [Canary.member] + (self == .keys ? [] : [Canary.value])
        }
    }

    @Test("nowhere in clear: capture, its readers, metrics, log, page, feed, errors", arguments: Policy.allCases)
    func nowhere(policy: Policy) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let capture = folder + "/capture"
                let arguments = [
                    "--redis", redis.url, "--core-hub", Self.hub.type, "--channel-prefix", Self.hub.prefix,
                    "--core-connections", "--record", capture, "--compression", "none", "--log-level", "trace",
                ]
                var places: [String: Data] = [:]
                // This policy keeps values, so their canary is not used.
                let traffic = Self.traffic(policy == .keys ? "a value" : Canary.value)
                try await RelayProcess.with(arguments + policy.options) { relay in
                    let feed = try await ChildProcess.start(
                        Tool.curl.requiredPath(),
                        ["--silent", "--no-buffer", "http://127.0.0.1:\(relay.port)/live"], folder: folder)
                    do {
                        try await eventually("the feed is open") { feed.output.isEmpty ? nil : true }
                        // The feed is a sample: each of them appears eventually.
                        var rounds = 0
                        try await eventually("the feed has shown each kind", within: .seconds(60)) {
                            for (channel, payload) in traffic {
                                try await redis.command(["PUBLISH", .bytes(channel), .bytes(payload)])
                                try await Task.sleep(for: .milliseconds(60))
                            }
                            rounds += 1
                            let kinds = CoreKind.allCases.map(\.label) + ["undecodable"]
                            return kinds.allSatisfy { feed.output.contains("\"\($0)\"") } ? true : nil
                        }
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: traffic.count * rounds)
                        try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                        try await relay.waitForMetrics("the relay has subscribed again") {
                            $0["backplane_relay_reconnects_total"] == 1
                        }
                        for path in ["/metrics", "/", "/-/ready", "/nothing"] {
                            places[path] = Data(try await HTTPAnswer.demand(port: relay.port, path).body.utf8)
                        }
                        await feed.terminate()
                        places["the feed"] = Data(feed.output.utf8)
                    } catch {
                        await feed.terminate()
                        throw error
                    }
                    _ = try await relay.stop()
                    places["the log"] = Data((relay.child.errors + relay.child.output).utf8)
                }
                for file in try CaptureFiles.paths(in: capture) {
                    places[file] = try Data(contentsOf: URL(filePath: file))
                }
                for command in [
                    ["cat", "--json"], ["cat", "--values"], ["info"], ["info", "--json"], ["verify"],
                    ["export", "--format", "csv"], ["export", "--format", "resp"],
                ] {
                    let finished = try await Finished.relay(command + [capture])
                    #expect(!(finished.output + finished.errors).isEmpty, "\(command)")
                    places[command.joined(separator: " ")] = Data((finished.output + finished.errors).utf8)
                }
                #expect(places.keys.contains { $0.hasSuffix(".mcap") })
                for (place, text) in places {
                    for secret in policy.secrets { #expect(!Self.holds(text, secret), "\(secret) in \(place)") }
                }
            }
        }
    }

    /// Shows that the search above finds canaries.
    @Test("without these options all canaries are in the capture")
    func everywhere() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let capture = folder + "/capture"
                let arguments = [
                    "--redis", redis.url, "--core-hub", Self.hub.type, "--channel-prefix", Self.hub.prefix,
                    "--core-connections", "--record", capture, "--compression", "none",
                ]
                try await RelayProcess.with(arguments) { relay in
                    let traffic = Self.traffic(Canary.value)
                    for (channel, payload) in traffic {
                        try await redis.command(["PUBLISH", .bytes(channel), .bytes(payload)])
                    }
                    try await relay.waitForMetric(
                        "backplane_relay_recorded_envelopes_total", atLeast: traffic.count)
                    #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                }
                let file = try #require(try CaptureFiles.paths(in: capture).first)
                let content = try Data(contentsOf: URL(filePath: file))
                let json = Data(try await Finished.relay(["cat", "--json", capture]).output.utf8)
                for secret in Canary.names + [Canary.member, Canary.value] {
                    #expect(Self.holds(content, secret) && Self.holds(json, secret), "\(secret)")
                }
            }
        }
    }
}
