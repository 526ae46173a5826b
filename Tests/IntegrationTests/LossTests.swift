import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// The last envelopes are lost, and no later id reveals it.
@Suite("Loss", .serialized, .needs(.redisServer, .python, .pymcap), .timeLimit(.minutes(5)))
struct LossTests {
    private static let channel = "chat"
    private static let gaps = #"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#
    private static let missingIDs = #"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#

    private static func options(_ redis: RedisServer, _ directory: String) -> [String] {
        ["--redis", redis.url, "--channel", channel, "--record", directory]
    }

    private static func publish(_ count: Int, at redis: RedisServer, through relay: RelayProcess) async throws {
        let before = try await relay.metric("backplane_relay_recorded_envelopes_total")
        _ = try await redis.withClient { try await NodePublisher($0, channel: channel).publish(count) }
        try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: Int(before) + count)
    }

    /// Disconnects every subscriber and publishes before any can reconnect, in one step of the server.
    private static func publishUnheard(_ count: Int, at redis: RedisServer) async throws {
        try await redis.withClient { client in
            try await client.send(["MULTI"])
            try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
            for number in 0..<count {
                try await client.send([
                    "EVAL", .text(BackplaneScript.publish), "1", .text(channel), .text("lost \(number)"),
                ])
            }
            try await client.send(["EXEC"])
        }
    }

    private static func events(_ directory: String) async throws -> [RelayEvent] {
        try RelayEvent.all(in: await MCAPMessage.read(CaptureFiles.paths(in: directory)))
    }

    @Test(
        "connection lost, stopped before another id: told at once, and nobody says complete",
        .needs(editions: .redis6, .valkey9), arguments: RedisEdition.allCases, [true, false])
    func stoppedBeforeAnotherID(edition: RedisEdition, isBack: Bool) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                try await RelayProcess.with(Self.options(redis, directory)) { relay in
                    try await Self.publish(5, at: redis, through: relay)
                    try await Self.publishUnheard(3, at: redis)
                    if isBack {
                        try await relay.waitForMetric(Self.gaps, atLeast: 1)
                        #expect(try await relay.metric(Self.missingIDs) == 3)
                    }
                    #expect(try await relay.stop() == .code(3), "\(relay.child.errors)")
                    #expect(relay.child.errors.contains("envelopes were lost in this run"))
                }
                try await Self.expectLoss(6...8, in: directory, redis)
                #expect(
                    try await Self.events(directory).filter { $0.event == "gap" } == [
                        RelayEvent(event: "gap", channel: Self.channel, from: 6, to: 8, cause: "connection_lost")
                    ])

                // The next run does not count it as time without recording, and does not report it again.
                try await RelayProcess.with(Self.options(redis, directory)) { relay in
                    try await Self.publish(2, at: redis, through: relay)
                    #expect(try await relay.metric(Self.gaps) == 0)
                    #expect(try await relay.stop() == .code(0), "this run lost nothing")
                }
                try await Self.expectLoss(6...8, in: directory, redis)
                #expect(try await Self.events(directory).count { $0.event == "gap" } == 1)
            }
        }
    }

    private static func expectLoss(
        _ ids: ClosedRange<UInt64>, in directory: String, _ redis: RedisServer
    ) async throws {
        let info = try await CaptureInfo.read(directory)
        #expect(info.complete == false)
        #expect(
            info.channels[0].holes == [.init(from: ids.lowerBound, to: ids.upperBound, cause: "connection_lost")])
        let text = try await Finished.relay(["info", directory])
        #expect(text.exit == .code(3) && !text.output.contains("complete"), "\(text.output)")
        let verify = try await Finished.relay(["verify", directory])
        #expect(verify.exit == .code(3) && verify.output.contains("envelopes were lost"), "\(verify.output)")
        let replay = try await Finished.relay(
            ["replay", directory, "--to", redis.url, "--map-channel", "\(channel)=elsewhere", "--dry-run"])
        #expect(replay.exit == .code(3) && replay.output.contains("not complete"), "\(replay.output) \(replay.errors)")
        #expect(replay.errors.contains("lost envelopes"), "\(replay.errors)")
        for command in ["cat", "export"] {
            let options = command == "export" ? ["--format", "jsonl"] : []
            let done = try await Finished.relay([command, directory] + options)
            #expect(done.exit == .code(3) && done.errors.contains("lost envelopes"), "\(done.errors)")
        }
    }

    @Test("nothing lost: complete, exit 0, even after a lost connection")
    func nothingLost() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                try await RelayProcess.with(Self.options(redis, directory)) { relay in
                    try await Self.publish(5, at: redis, through: relay)
                    try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await relay.waitForMetric("backplane_relay_reconnects_total", atLeast: 1)
                    let open = try await CaptureInfo.read(directory)
                    #expect(open.complete == nil && open.channels[0].missingIds == 0, "a relay is recording")
                    #expect(try await relay.stop() == .code(0))
                }
                #expect(try await CaptureInfo.read(directory).complete == true)
                let text = try await Finished.relay(["info", directory])
                #expect(
                    text.exit == .code(0) && text.output.contains("complete: ids 1..5, 0 missing"), "\(text.output)")
                #expect(try await Finished.relay(["verify", directory]).output.contains("ids complete"))
                #expect(try await Self.events(directory).allSatisfy { !["gap", "may_be_missing"].contains($0.event) })
            }
        }
    }

    @Test("ids assigned at the end without a publication: missing, not a loss")
    func foreignIncrementAtTheEnd() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                try await RelayProcess.with(Self.options(redis, directory)) { relay in
                    try await Self.publish(5, at: redis, through: relay)
                    try await redis.command(["INCRBY", .text(Self.channel), "2"])
                    #expect(try await relay.stop() == .code(0))
                }
                let info = try await CaptureInfo.read(directory)
                #expect(info.complete == false)
                #expect(info.channels[0].holes == [.init(from: 6, to: 7, cause: "foreign_publish")])
                #expect(try await Finished.relay(["info", directory]).exit == .code(0))
            }
        }
    }

    enum Blindness: String, CaseIterable {
        case notPermitted = "counter_not_permitted"
        case missing = "counter_missing"
        case notANumber = "counter_not_a_number"
        case below = "counter_inconsistent"
        case away = "redis_away"
    }

    @Test(
        "where the counter tells nothing the capture says so: never complete, and the next run keeps the cause",
        arguments: Blindness.allCases)
    func counterTellsNothing(_ blindness: Blindness) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                var options = Self.options(redis, directory)
                if blindness == .notPermitted {
                    try await redis.command(["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all", "-get"])
                    options[1] = "redis://relay:secret@127.0.0.1:\(redis.port)"
                }
                try await RelayProcess.with(options) { relay in
                    try await Self.publish(5, at: redis, through: relay)
                    try await Self.publishUnheard(3, at: redis)
                    switch blindness {
                    case .notPermitted: break
                    case .missing: try await redis.command(["DEL", .text(Self.channel)])
                    case .notANumber: try await redis.command(["SET", .text(Self.channel), "many"])
                    case .below: try await redis.command(["SET", .text(Self.channel), "2"])
                    case .away: await redis.stop()
                    }
                    let began = ContinuousClock.now
                    let exit = try await relay.stop()
                    // Reported before the counter was changed, it is a loss.
                    let isTold = try await CaptureInfo.read(directory).channels[0].missingIds > 0
                    #expect(exit == .code(isTold ? 3 : 0), "\(relay.child.errors)")
                    #expect(ContinuousClock.now - began < .seconds(20))
                    #expect(relay.child.errors.contains("may_be_missing"), "\(relay.child.errors)")
                }
                let info = try await CaptureInfo.read(directory)
                guard info.channels[0].missingIds == 0 else { return }
                #expect(info.complete == nil)
                #expect(info.channels[0].mayBeMissing?.after == 5)
                #expect(info.channels[0].mayBeMissing?.reason == blindness.rawValue)
                let text = try await Finished.relay(["info", directory])
                #expect(text.exit == .code(0) && !text.output.contains("complete"), "\(text.output)")
                #expect(text.output.contains("ids may be missing after 5"), "\(text.output)")
                let verify = try await Finished.relay(["verify", directory])
                #expect(
                    verify.exit == .code(0) && verify.output.contains("whether ids are missing is unknown"),
                    "\(verify.output)")

                if blindness == .away { try await redis.start() }
                try await redis.command(["SET", .text(Self.channel), "8"])
                try await RelayProcess.with(Self.options(redis, directory)) { relay in
                    try await Self.publish(1, at: redis, through: relay)
                    _ = try await relay.stop()
                }
                let later = try await CaptureInfo.read(directory)
                #expect(later.channels[0].holes == [.init(from: 6, to: 8, cause: "connection_lost")])
                #expect(later.complete == false)
            }
        }
    }

    @Test("a counter in another database is not a loss", arguments: ["3", "5000"])
    func anotherDatabase(counter: String) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                // The nodes count in database 1.
                try await redis.command(["SET", .text(Self.channel), .text(counter)])
                try await RelayProcess.with(Self.options(redis, directory)) { relay in
                    try await redis.withClient { client in
                        try await client.send(["SELECT", "1"])
                        _ = try await NodePublisher(client, channel: Self.channel).publish(10)
                    }
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 10)
                    try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await relay.waitForMetric(
                        #"signalr_backplane_ids_in_doubt_total{channel="chat",backplane="signalr2"}"#, atLeast: 1)
                    #expect(try await relay.metric(Self.gaps) == 0)
                    #expect(try await relay.stop() == .code(0))
                }
                let info = try await CaptureInfo.read(directory)
                #expect(info.complete == nil && info.channels[0].missingIds == 0)
                #expect(info.channels[0].mayBeMissing?.reason == "counter_inconsistent")
            }
        }
    }

    @Test("duplicates do not delay the gap in the log")
    func logOfSeveralKinds() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await RelayProcess.with(Self.options(redis, folder + "/capture")) { relay in
                    // In one step of the server: a second later it would not be delayed anyway.
                    try await redis.withClient { client in
                        try await client.send(["MULTI"])
                        for id in [1, 1, 1, 2, 3, 10] {
                            try await client.send(["PUBLISH", .text(Self.channel), .text("\(id) x")])
                        }
                        try await client.send(["EXEC"])
                    }
                    try await relay.waitForMetric(Self.gaps, atLeast: 1)
                    _ = try await relay.stop()
                    let log = relay.child.errors
                    #expect(log.contains(#/gap .*from=4 .*to=9/#), "\(log)")
                    #expect(
                        log.contains(#/similar events, not logged individually.*event=duplicate.*suppressed=1/#),
                        "\(log)")
                }
            }
        }
    }
}
