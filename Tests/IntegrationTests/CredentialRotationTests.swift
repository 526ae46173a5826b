import Foundation
import Redis
import TestSupport
import Testing

/// Tokens that expire while a relay records.
@Suite("Rotated credentials", .needs(.redisServer), .timeLimit(.minutes(2)))
struct CredentialRotationTests {
    private static let tokens = ["token-one-7f3a", "token-two-91bc", "token-three-44de"]
    private static let renewed = #"backplane_relay_credential_renewals_total{result="renewed"}"#
    private static let refused = #"backplane_relay_credential_renewals_total{result="refused"}"#
    private static let tapUp = "backplane_relay_tap_up"
    private static let attachments = #"backplane_relay_tap_syncs_total{kind="partial"}"#
    private static let recorded = "backplane_relay_recorded_envelopes_total"

    private static func permit(_ rules: [String], at redis: RedisServer) async throws {
        let rules: [RESPArgument] = rules.map { .text($0) }
        try await redis.command(["ACL", "SETUSER", "relay", "on", "~chat", "&chat", "+@all"] + rules)
    }

    /// Replaced, not written in place.
    private static func write(_ token: String, to file: String) throws {
        try Data(token.utf8).write(to: URL(filePath: file), options: .atomic)
    }

    @Test("a hub node renews its publisher and its subscription, and counts no gap")
    func node() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let file = folder + "/token"
                try await Self.permit([">" + Self.tokens[0]], at: redis)
                try Self.write(Self.tokens[0], to: file)
                let arguments = [
                    "--redis", "127.0.0.1:\(redis.port),user=relay", "--redis-password-file", file, "--channel", "chat",
                ]
                try await HubProcess.with(arguments, folder) { port, node in
                    try await Self.permit(["resetpass", ">" + Self.tokens[1]], at: redis)
                    try Self.write(Self.tokens[1], to: file)
                    try await eventually("both are renewed") { () -> Bool? in
                        let metrics = try await HTTPAnswer.get(port: port, "/metrics")?.body ?? ""
                        return metrics.contains(Self.renewed + " 2\n") ? true : nil
                    }
                    #expect(node.errors.contains("logged in again with the changed password"))
                    #expect(!node.errors.contains(Self.tokens[1]) && !node.errors.contains("subscription lost"))
                }
            }
        }
    }

    @Test("a token is replaced under load and the old one expires: nothing is lost, and nothing recorded twice")
    func rotation() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let (file, directory) = (folder + "/token", folder + "/capture")
                try await Self.permit([">" + Self.tokens[0]], at: redis)
                try Self.write(Self.tokens[0], to: file)
                try await ExpiringRedis.with(redis, tokens: Self.tokens) { expiring in
                    let arguments = [
                        "--redis", "127.0.0.1:\(expiring.port),user=relay", "--redis-password-file", file, "--channel",
                        "chat", "--record", directory,
                    ]
                    try await RelayProcess.with(arguments) { relay in
                        let published = try await redis.withClient { client in
                            let traffic = Traffic(try await NodePublisher(client, channel: "chat"))
                            // Two connections last: the subscription and the watch.
                            try await eventually("both are there") { expiring.tokens.count == 2 ? true : nil }
                            try await Self.permit([">" + Self.tokens[1]], at: redis)
                            try Self.write(Self.tokens[1], to: file)
                            try await relay.waitForMetric(Self.renewed, atLeast: 2)
                            try await Self.permit(["<" + Self.tokens[0]], at: redis)
                            #expect(expiring.expire(Self.tokens[0]) == 0, "no connection uses the old token")

                            // A token that Redis does not accept yet: the relay stays logged in with the last one.
                            try Self.write(Self.tokens[2], to: file)
                            try await relay.waitForMetric(Self.refused, atLeast: 2)
                            #expect(
                                try await relay.metric(#"signalr_backplane_up{channel="chat",backplane="signalr2"}"#)
                                    == 1)
                            try await Self.permit([">" + Self.tokens[2]], at: redis)
                            try await relay.waitForMetric(Self.renewed, atLeast: 4)
                            try await Self.permit(["<" + Self.tokens[1]], at: redis)
                            return try await traffic.stop()
                        }
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: published.count)
                        let metrics = try await relay.metrics()
                        #expect(metrics["backplane_relay_reconnects_total"] == 0)
                        let signalR2 = #"{channel="chat",backplane="signalr2"}"#
                        for name in ["gaps", "missing_ids", "duplicate_ids"] {
                            #expect(metrics["signalr_backplane_\(name)_total\(signalR2)"] == 0, "\(name)")
                        }
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                        let log = relay.child.errors
                        #expect(log.contains("logged in again with the changed password"))
                        #expect(log.contains("Redis refuses the changed password"))
                        for token in Self.tokens { #expect(!log.contains(token), "a secret is in the log") }
                        let info = try await CaptureInfo.read(directory)
                        #expect(info.complete == true && info.envelopes == published.count)
                    }
                }
            }
        }
    }

    /// A replication link cannot log in again: it ends when its token expires, and the next link continues at its offset.
    @Test("with the tap a token is replaced and the old one expires: nothing is lost, and nothing recorded twice")
    func rotationOfTap() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let (file, directory) = (folder + "/token", folder + "/capture")
                try await Self.permit([">" + Self.tokens[0]], at: redis)
                try Self.write(Self.tokens[0], to: file)
                try await ExpiringRedis.with(redis, tokens: Self.tokens) { expiring in
                    let arguments = [
                        "--redis", "127.0.0.1:\(expiring.port),user=relay", "--redis-password-file", file, "--channel",
                        "chat", "--record", directory, "--tap",
                    ]
                    try await RelayProcess.with(arguments) { relay in
                        let published = try await redis.withClient { client in
                            let traffic = Traffic(try await NodePublisher(client, channel: "chat"))
                            try await relay.waitForMetrics("the tap carries the channel", within: .seconds(40)) {
                                $0[Self.tapUp] == 1
                            }
                            for (old, new) in zip(Self.tokens, Self.tokens.dropFirst()) {
                                let attachments = try await relay.metric(Self.attachments)
                                try await Self.permit([">" + new], at: redis)
                                try Self.write(new, to: file)
                                try await eventually("all others have the new token") {
                                    expiring.tokens.allSatisfy { $0 != nil }
                                        && expiring.tokens.count { $0 == old } == 1 ? true : nil
                                }
                                try await Self.permit(["<" + old], at: redis)
                                #expect(expiring.expire(old) == 1)
                                let ended = traffic.count
                                try await relay.waitForMetrics("the tap goes on, and more is recorded") {
                                    $0[Self.tapUp] == 1 && $0[Self.attachments] ?? 0 > attachments
                                        && $0[Self.recorded] ?? 0 > Double(ended)
                                }
                                #expect(!expiring.tokens.contains(old))
                            }
                            return try await traffic.stop()
                        }
                        try await relay.waitForMetric(Self.recorded, atLeast: published.count)
                        let metrics = try await relay.metrics()
                        for name in ["gaps", "missing_ids", "duplicate_ids"] {
                            let series = #"signalr_backplane_\#(name)_total{channel="chat",backplane="signalr2"}"#
                            #expect(metrics[series] == 0, "\(name)")
                        }
                        #expect(metrics["backplane_relay_tap_losses_total"] == 0)
                        #expect(metrics[Self.recorded] == Double(published.count))
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                        for token in Self.tokens {
                            #expect(!relay.child.errors.contains(token), "a secret is in the log")
                        }
                        let info = try await CaptureInfo.read(directory)
                        #expect(info.complete == true && info.envelopes == published.count)
                    }
                }
            }
        }
    }
}
