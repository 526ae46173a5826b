import Foundation
import Redis
import Testing

/// What befalls Redis and the disk is counted, named in the capture, and survived.
@Suite("Fault", .serialized, .needs(.redisServer, .python))
struct FaultTests {
    private static let channel = "chat"
    private static let recorded = "backplane_relay_recorded_envelopes_total"

    private static func series(_ name: String) -> String {
        #"signalr_backplane_\#(name){channel="\#(channel)"}"#
    }

    @Test("a Redis that restarts without its keys: a counter reset, and the relay goes on")
    func restart() async throws {
        try await RedisServer.with { redis in
            try await recording(from: redis) { relay, directory in
                try await publish(50, to: redis, seenBy: relay, total: 50)
                await redis.stop()
                try await eventually("the relay notices") { try await relay.readiness() == 503 ? true : nil }
                try await redis.start()
                try await relay.waitUntilReady()
                try await publish(20, to: redis, seenBy: relay, total: 70)

                #expect(try await relay.metric(Self.series("id_resets_total")) == 1)
                #expect(try await relay.metric("backplane_relay_reconnects_total") == 1)
                #expect(try await relay.metric(Self.series("missing_ids_total")) == 0)
                #expect(try await relay.stop() == .code(0))

                let messages = try await MCAPMessage.read(CaptureFiles.paths(in: directory))
                let ids = messages.filter { !$0.isEvent }.compactMap(\.id)
                #expect(ids == Array(1...50) + Array(1...20))
                let events = try RelayEvent.all(in: messages)
                #expect(events.contains(RelayEvent(event: "counter_reset", channel: Self.channel, from: 50, to: 1)))
                #expect(events.filter { $0.event == "subscribed" }.count == 2)
                let disconnections = events.filter { $0.event == "disconnected" }.compactMap(\.cause)
                #expect(disconnections.count == 2)
                #expect(disconnections.last == "stopped")
            }
        }
    }

    @Test("a lost connection: missing is exactly what was published and not recorded")
    func lostConnection() async throws {
        try await RedisServer.with { redis in
            try await recording(from: redis) { relay, directory in
                let published = try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: Self.channel)
                    let traffic = Traffic(publisher)
                    try await relay.waitForMetric(Self.recorded, atLeast: 500)
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await relay.waitForMetric("backplane_relay_reconnects_total", atLeast: 1)
                    let before = try await relay.metric(Self.recorded)
                    try await relay.waitForMetric(Self.recorded, atLeast: Int(before) + 200)
                    let published = try await traffic.stop()
                    try await relay.waitForMetric(Self.series("last_id"), atLeast: published.count)
                    return published
                }
                let missing = try await relay.metric(Self.series("missing_ids_total"))
                #expect(try await relay.metric(Self.series("gaps_total")) == 1)
                #expect(try await relay.stop() == .code(0))

                let messages = try await MCAPMessage.read(CaptureFiles.paths(in: directory))
                let kept = Set(messages.filter { !$0.isEvent }.compactMap(\.id))
                let lost = published.map(\.id).filter { !kept.contains($0) }
                #expect(!lost.isEmpty)
                #expect(Double(lost.count) == missing)
                let gap = RelayEvent(
                    event: "gap", channel: Self.channel, from: lost.first, to: lost.last, cause: "connection_lost")
                #expect(try RelayEvent.all(in: messages).filter { $0.event == "gap" } == [gap])
            }
        }
    }

    @Test(
        "a full disk: counted, named in the capture, and over as soon as there is space",
        .enabled(if: TinyDisk.isPossible, "mounting a tmpfs takes root and a container that allows it"))
    func fullDisk() async throws {
        try await RedisServer.with { redis in
            try await TinyDisk.with { disk in
                let directory = disk + "/capture"
                let arguments = [
                    "--redis", redis.url, "--channel", Self.channel, "--record", directory, "--compression", "none",
                ]
                try await RelayProcess.with(arguments) { relay in
                    let published = try await redis.withClient { client in
                        let publisher = try await NodePublisher(client, channel: Self.channel)
                        var published: [NodePublisher.Published] = []
                        try await eventually("the disk is full") {
                            published += try await publisher.publish(50, size: 1_000)
                            // What little space is left may take one more segment, and the relay is ready again.
                            let errors = try await relay.metric("backplane_relay_write_errors_total")
                            let readiness = try await relay.readiness()
                            return errors > 0 && readiness == 503 ? true : nil
                        }
                        published += try await publisher.publish(50, size: 1_000)
                        try TinyDisk.throwOffBallast(of: disk)
                        try await relay.waitUntilReady()
                        published += try await publisher.publish(50, size: 1_000)
                        try await relay.waitForMetric(Self.series("envelopes_total"), atLeast: published.count)
                        return published
                    }
                    // The last of them may still wait for their chunk.
                    try await eventually("everything is recorded or counted") {
                        let recorded = try await relay.metric(Self.recorded)
                        return try await recorded + dropped(by: relay) == Double(published.count) ? true : nil
                    }
                    let lost = try await dropped(by: relay)
                    #expect(try await relay.stop() == .code(0))
                    try await expect(published, dropped: Int(lost), in: directory)
                }
            }
        }
    }

    private func dropped(by relay: RelayProcess) async throws -> Double {
        try await relay.metric(#"backplane_relay_dropped_envelopes_total{reason="write_error"}"#)
    }

    private func expect(
        _ published: [NodePublisher.Published], dropped: Int, in directory: String
    ) async throws {
        let messages = try await MCAPMessage.read(CaptureFiles.paths(in: directory))
        let kept = Set(messages.filter { !$0.isEvent }.compactMap(\.id))
        let lost = published.map(\.id).filter { !kept.contains($0) }
        #expect(!lost.isEmpty)
        #expect(lost.count == dropped)
        #expect(kept.contains(published.last?.id ?? 0), "recording went on")

        let drops = try RelayEvent.all(in: messages).filter { $0.event == "dropped" }
        #expect(drops.reduce(0) { $0 + ($1.envelopes ?? 0) } == lost.count)
        #expect(drops.first?.from == lost.first)
        #expect(drops.last?.to == lost.last)
        #expect(drops.allSatisfy { $0.reason == "write_error" && $0.channel == Self.channel })

        let info = try await CaptureInfo.read(directory)
        let channel = try #require(info.channels.first)
        #expect(channel.envelopes + Int(channel.missingIds) == published.count, "published = recorded + missing")
        #expect(channel.holes.allSatisfy { $0.cause == "write_error" })
    }

    // MARK: - Around it

    private func recording(
        from redis: RedisServer, _ body: (_ relay: RelayProcess, _ directory: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/capture"
            try await RelayProcess.with(
                ["--redis", redis.url, "--channel", Self.channel, "--record", directory]
            ) { relay in
                try await body(relay, directory)
            }
        }
    }

    /// Publishes over a connection of its own, and waits until the relay has recorded `total` envelopes.
    private func publish(_ count: Int, to redis: RedisServer, seenBy relay: RelayProcess, total: Int) async throws {
        try await redis.withClient { client in
            _ = try await NodePublisher(client, channel: Self.channel).publish(count)
        }
        try await relay.waitForMetric(Self.recorded, atLeast: total)
    }
}
