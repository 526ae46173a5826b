import Backplane
import Capture
import Redis
import TestSupport
import Testing

/// `run --markers`: the server's count of PUBLISH compared with what the subscription received.
@Suite("Markers", .needs(editions: .redis7, .redis6, .valkey9), .timeLimit(.minutes(3)))
struct MarkerTests {
    private static let hub = CoreHub(type: "ChatHub")
    private static let prefix = "backplane_relay_marker_"
    private static let payload: [UInt8] = {
        let frame = CoreInvocation.Frame(
            protocolName: "json", bytes: Array("{\"type\":1,\"target\":\"say\",\"arguments\":[]}\u{1E}".utf8))
        return CorePayload.invocation(CoreInvocation(excluded: [], frames: [frame])).encoded()
    }()
    private static let toAll: [RESPArgument] = ["PUBLISH", .bytes(hub.channel(.all, [])), .bytes(payload)]
    private static let toAGroup: [RESPArgument] = [
        "PUBLISH", .bytes(hub.channel(.group, Array("g".utf8))), .bytes(payload),
    ]
    private static let elsewhere: [RESPArgument] = ["PUBLISH", "of another application", "x"]
    private static let kill: [RESPArgument] = ["CLIENT", "KILL", "TYPE", "pubsub"]

    private static func transaction(_ commands: [[RESPArgument]], _ server: RedisServer) async throws {
        try await server.withClient { _ = try await $0.transaction(commands) }
    }

    /// Waits for these counts since the relay's first marker.
    private static func wait(
        _ relay: RelayProcess, published: Int, received: Int, missing: Int? = nil, _ what: String
    ) async throws {
        try await relay.waitForMetrics(what, within: .seconds(40)) { shown in
            shown[prefix + "published_total"] == Double(published)
                && shown[prefix + "received_total"] == Double(received)
                && shown[prefix + "unseen_total"] == Double(published - received)
                && (missing == nil || shown[prefix + "missing_at_most_total"] == missing.map { Double($0) })
        }
    }

    @Test(
        "the number of a gap is exactly what was lost; PUBLISH in scripts, transactions and on other channels counts",
        arguments: RedisEdition.allCases)
    func gap(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await RedisServer.with(edition: edition) { redis in
            try await TemporaryDirectory.with { folder in
                let arguments = [
                    "--redis", redis.url, "--core-hub", Self.hub.type, "--markers", "1s", "--record", folder,
                ]
                try await RelayProcess.with(arguments) { relay in
                    try await Self.wait(relay, published: 0, received: 0, missing: 0, "the first interval has begun")
                    try await redis.withClient { client in
                        for _ in 0..<12 { try await client.send(Self.toAll) }
                        let script = "for i = 1, 5 do redis.call('PUBLISH', ARGV[1], ARGV[2]) end"
                        try await client.send([
                            "EVAL", .text(script), "0", .bytes(Self.hub.channel(.all, [])), .bytes(Self.payload),
                        ])
                        _ = try await client.transaction([Self.toAll, Self.toAGroup, Self.toAGroup])
                        // SPUBLISH does not count.
                        if edition != .redis6 { try await client.send(["SPUBLISH", "x", "y"]) }
                    }
                    try await Self.wait(relay, published: 20, received: 20, missing: 0, "all is seen")

                    // No client is subscribed between the first command and the end of the transaction.
                    try await Self.transaction([Self.kill] + Array(repeating: Self.toAll, count: 37), redis)
                    try await Self.wait(relay, published: 57, received: 20, missing: 37, "37 of 37")

                    // The server counts other channels, which the relay does not receive: an upper bound.
                    try await Self.transaction(Array(repeating: Self.elsewhere, count: 9), redis)
                    try await Self.wait(relay, published: 66, received: 20, missing: 37, "other channels")
                    let six = Array(repeating: Self.toAGroup, count: 6)
                    try await Self.transaction([Self.kill] + six + [Self.elsewhere, Self.elsewhere], redis)
                    try await Self.wait(relay, published: 74, received: 20, missing: 45, "at most")

                    try await redis.command(["CONFIG", "RESETSTAT"])
                    try await relay.waitForMetric(Self.prefix + #"voids_total{reason="counts_reset"}"#, atLeast: 1)
                    try await Self.transaction([Self.toAll, Self.toAll], redis)
                    try await Self.wait(relay, published: 76, received: 22, missing: 45, "after the reset")

                    #expect(relay.child.errors.contains("missing_at_most=37"), "\(relay.child.errors)")
                    _ = try await relay.stop()
                }
                var events: [CaptureEvent] = []
                var envelopes = 0
                try CaptureReader(paths: [folder]).forEach { item in
                    if case .event(let event, _) = item, event.event == "unseen" { events.append(event) }
                    if case .envelope = item { envelopes += 1 }
                }
                #expect(events == [.unseen(envelopes: 37), .unseen(envelopes: 8)])
                let info = try await Finished.relay(["info", folder])
                #expect(info.output.contains("lost at most 45 envelopes of all channels"), "\(info.output)")
                // Markers are not recorded.
                #expect(envelopes == 22)
            }
        }
    }

    @Test("a restart of the server is logged, and its interval has no number")
    func restart() async throws {
        try await RedisServer.with { redis in
            let arguments = ["--redis", redis.url, "--core-hub", Self.hub.type, "--markers", "1s"]
            try await RelayProcess.with(arguments) { relay in
                try await Self.wait(relay, published: 0, received: 0, missing: 0, "the first interval has begun")
                try await Self.transaction([Self.toAll, Self.toAll, Self.elsewhere], redis)
                try await Self.wait(relay, published: 3, received: 2, missing: 0, "the first numbers")
                await redis.stop()
                try await redis.start()
                try await relay.waitForMetrics("void", within: .seconds(60)) {
                    $0[Self.prefix + #"voids_total{reason="other_server"}"#] == 1
                }
                try await Self.transaction([Self.toAll], redis)
                try await Self.wait(relay, published: 4, received: 3, missing: 0, "the numbers of the new server")
            }
        }
    }

    @Test("at a replica, markers are published at the master and received from the replica")
    func replica() async throws {
        try await RedisServer.with { master in
            try await RedisServer.with { replica in
                try await replica.command(["REPLICAOF", .text(master.host), "\(master.port)"])
                try await replica.waitUntilFollowing(master)
                let arguments = ["--redis", replica.url, "--core-hub", Self.hub.type, "--markers", "1s"]
                try await RelayProcess.with(arguments) { relay in
                    try await Self.wait(relay, published: 0, received: 0, missing: 0, "the first interval has begun")
                    try await Self.transaction(Array(repeating: Self.toAll, count: 5), master)
                    try await Self.wait(relay, published: 5, received: 5, missing: 0, "all is seen")
                    // The connection of the relay is at the replica.
                    try await replica.command(Self.kill)
                    try await Self.transaction(Array(repeating: Self.toAll, count: 4), master)
                    try await relay.waitForMetric(Self.prefix + "interruptions_total", atLeast: 1)
                }
            }
        }
    }

    @Test(
        "without the permissions --check-only warns, the log says so once, no series exist, and the relay records",
        arguments: [["-multi"], ["resetchannels", "&ChatHub:*"]])
    func permissions(rules: [String]) async throws {
        try await RedisServer.with { redis in
            let names = ["all", "internal:groups"].map { "&ChatHub:\($0)" }
            let patterns = ["internal:ack:", "internal:return:", "group:", "user:"].map { "&ChatHub:\($0)*" }
            let user = ["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all"] + rules
            let all = rules.contains("resetchannels") ? user + names + patterns : user
            try await redis.command(all.map { .text($0) })
            let arguments = [
                "--redis", "127.0.0.1:\(redis.port),user=relay,password=secret", "--core-hub", Self.hub.type,
                "--markers", "1s",
            ]
            let check = try await Finished.relay(["run", "--check-only"] + arguments)
            #expect(check.output.contains("cannot be counted by markers"), "\(check.output)")
            #expect(check.output.contains("&backplane-relay:marker:*"), "\(check.output)")
            #expect(check.exit == .code(0))
            try await RelayProcess.with(arguments) { relay in
                try await eventually("the refusal is logged") { relay.child.errors.contains("by markers") ? true : nil }
                try await Self.transaction([Self.kill], redis)
                try await relay.waitForMetric("backplane_relay_reconnects_total", atLeast: 1)
                try await redis.command(Self.toAll)
                try await relay.waitForMetrics("the relay receives") {
                    $0["signalr_backplane_envelopes_total{channel=\"ChatHub\",backplane=\"core\"}"] == 1
                }
                #expect(try await relay.metrics().keys.allSatisfy { !$0.hasPrefix(Self.prefix) })
                #expect(relay.child.errors.split(separator: "by markers").count == 2, "\(relay.child.errors)")
            }
        }
    }
}
