import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// The captures that the texts name, recorded by relays.
extension DocumentedWorld {
    var capture: String { root + "/var/lib/backplane-relay" }

    /// A chat through hub nodes, in the captures of two relays and in one with hashed names. The second relay records
    /// longer; `/var/lib/backplane-relay` is its capture.
    func recordChat() async throws {
        let (first, second) = (root + "/captures/relay-a", root + "/captures/relay-b")
        try await recording("chat", into: first) { relayA in
            try await recording("chat", into: second) { relayB in
                let names = ["--names", "hash", "--names-key-file", root + "/names.key"]
                try await recording("chat", into: root + "/hashed", names) { hashed in
                    try await check(messages: 20)
                    #expect(try await relayA.stop() == .code(0))
                    try await source.withClient { try await Self.talk($0, on: "chat") }
                    for relay in [relayB, hashed] { #expect(try await relay.stop() == .code(0)) }
                }
            }
        }
        try FileManager.default.copyItem(atPath: second, toPath: capture)
        let zstd = try await Finished.running(.zstd, ["-q", try segment(), "-o", root + "/data/chat.mcap.zst"])
        #expect(zstd.exit == .code(0), "\(zstd.errors)")
        try FileManager.default.copyItem(atPath: try segment(), toPath: root + "/data/chat.mcap")
        let shorter = try #require(try CaptureFiles.paths(in: first).first)
        try FileManager.default.createSymbolicLink(atPath: root + "/a.mcap", withDestinationPath: shorter)
    }

    /// The payloads of real ASP.NET Core nodes, under the names of the texts.
    func recordHub() async throws {
        let (vectors, hub) = (try CoreVectors.all()[0], CoreHub(prefix: "prod:", type: "Chat.ChatHub"))
        let arguments = [
            "--redis", source.url, "--core-hub", "Chat.ChatHub", "--channel-prefix", "prod:", "--core-connections",
            "--record", root + "/core",
        ]
        try await RelayProcess.with(arguments) { relay in
            try await source.withClient { client in
                for vector in vectors.payloads {
                    let channel = hub.root + vector.channel.dropFirst(vectors.hub.root.count)
                    try await client.send(["PUBLISH", .bytes(channel), .bytes(vector.payload)])
                }
            }
            #expect(try await relay.stop() == .code(0))
        }
    }

    /// Two captures of one chat, the second of which is longer: `ra` and `rb`.
    func recordPair() async throws {
        try await RedisServer.with { redis in
            try await recording("chat", of: redis, into: root + "/rb") { longer in
                try await recording("chat", of: redis, into: root + "/ra") { shorter in
                    try await check(at: redis)
                    #expect(try await shorter.stop() == .code(0))
                }
                try await check(at: redis)
                #expect(try await longer.stop() == .code(0))
            }
        }
    }

    /// A chat during which the relay loses its connection, the counter is set back, and Redis ends.
    ///
    /// - Returns: the log of the relay.
    func recordLosses() async throws -> String {
        let channel = #"{channel="chat",backplane="signalr2"}"#
        return try await RedisServer.with { redis in
            let arguments = ["--redis", redis.url, "--channel", "chat", "--record", capture]
            return try await RelayProcess.with(arguments) { relay in
                try await check(messages: 400, at: redis)
                try await redis.withClient { client in
                    let script = try await client.load(script: BackplaneScript.publish)
                    let envelopes = Self.envelopes()
                    try await Self.cut("backplane-relay", of: redis) { connection in
                        try await client.send(["MULTI"])
                        try await client.send(["CLIENT", "KILL", "ID", .text(connection)])
                        for _ in 0..<11 {
                            try await client.send([
                                "EVALSHA", .text(script.sha1), "1", "chat", .bytes(envelopes[1]),
                            ])
                        }
                        try await client.send(["EXEC"])
                    }
                    try await relay.waitForMetric("signalr_backplane_missing_ids_total" + channel, atLeast: 11)
                }
                try await check(messages: 60, at: redis)
                try await redis.command(["SET", "chat", "0"])
                try await check(messages: 60, at: redis)
                try await relay.waitForMetric("signalr_backplane_counter_resets_total" + channel, atLeast: 1)
                await redis.stop()
                try await eventually("the relay cannot subscribe") {
                    relay.child.errors.contains("cannot subscribe") ? true : nil
                }
                #expect(try await relay.stop() == .code(3))
                return relay.child.errors
            }
        }
    }

    /// - Parameter name: of the client.
    static func cut(
        _ name: String, of redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ kill: (_ connection: String) async throws -> Void
    ) async throws {
        guard case .bulk(let list) = try await redis.command(["CLIENT", "LIST", "TYPE", "pubsub"]) else { return }
        let line = String(decoding: list, as: UTF8.self).split(separator: "\n").first { $0.contains(" name=\(name) ") }
        try await kill(try #require(line?.firstMatch(of: #/^id=(\d+) /#).map { String($0.1) }))
    }

    /// A relay that records an event key, of the watched Redis by default.
    private func recording(
        _ channel: String, of redis: RedisServer? = nil, into directory: String, _ further: [String] = [],
        isolation: isolated (any Actor)? = #isolation, _ body: (RelayProcess) async throws -> Void
    ) async throws {
        try await RelayProcess.with(
            ["--redis", (redis ?? source).url, "--channel", channel, "--record", directory] + further, body)
    }

    /// Real clients chat, through hub nodes.
    private func check(messages: Int = 100, at redis: RedisServer? = nil) async throws {
        let check = try await Finished.relay([
            "check", "--redis", (redis ?? source).url, "--channel", "chat", "--messages", "\(messages)",
        ])
        #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
    }

    /// The only file of the capture.
    func segment() throws -> String { try #require(try CaptureFiles.paths(in: capture).first) }

    /// Puts the files that a command names into its working directory.
    func supply(_ command: String, in folder: String) throws {
        let captures =
            command.contains("--map-prefix")
            ? root + "/core" : command.contains("--names-key-file") ? root + "/hashed" : capture
        let dashboards = Documents.root.path + "/dashboards/"
        var files = [
            "captures": captures, "capture": captures, "names.key": root + "/names.key", "token": root + "/names.key",
            "chat.mcap.zst": root + "/data/chat.mcap.zst", "prometheus": dashboards + "prometheus",
            "grafana": dashboards + "grafana", "a.mcap": root + "/a.mcap", "relay": try RelayProcess.path(),
            "ra": root + "/ra",
            "rb": root + "/rb",
        ]
        if let core = try? CaptureFiles.paths(in: root + "/core").first { files["core.mcap"] = core }
        let words = command.split { " \"'\n()".contains($0) }.map { $0.prefix { $0 != "/" } }
        for word in Set(words.map(String.init)) {
            if let file = files[word] { try link(file, as: word, in: folder) }
            if word.hasSuffix(".mcap"), files[word] == nil {
                try link(try segment(), as: word == "*.mcap" ? "chat.mcap" : word, in: folder)
            }
        }
    }
}
