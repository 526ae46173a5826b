import Foundation
import Redis
import TestSupport
import Testing

/// A relay killed in full traffic leaves a capture that every reader can open.
@Suite("Crash", .serialized, .needs(.redisServer, .python))
struct CrashTests {
    private static let channel = "chat"
    private static let kills = 50
    /// A capture may lack what arrived less than 200 ms before the end; 100 ms more because on a loaded machine with
    /// two cores the relay may wait that long for a processor.
    private static let promise = Duration.milliseconds(200)
    private static let schedulingMargin = Duration.milliseconds(100)

    /// One run of the relay.
    private struct Life {
        /// A copy of the file as left by the kill: the next start closes the original.
        var copy: String?
        var original: String?
        var published: [NodePublisher.Published]
        /// The counter when the relay was ready: earlier publications may be missing.
        var counterAtStart: UInt64
        var killedAt: ContinuousClock.Instant
    }

    @Test("SIGKILL at random times loses nothing older than 200 ms, and the next start closes the segment")
    func kills() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("CrashTests: seed \(seed)")
        var random = SplitMix64(seed: seed)
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let copies = folder + "/copies"
                try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: false)
                let lives = try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: Self.channel)
                    var lives: [Life] = []
                    for _ in 0..<Self.kills {
                        let wait = Duration.milliseconds(Int.random(in: 20...600, using: &random))
                        let orphan = lives.last?.original
                        lives.append(
                            try await live(
                                for: wait, redis: redis, publisher: publisher, directory: directory, copies: copies,
                                orphan: orphan))
                    }
                    return lives
                }
                try await expectAll(lives, in: copies, seed: seed)
                try await expectLastStart(redis: redis, directory: directory, orphan: lives.last?.original)
            }
        }
    }

    /// Starts the relay in full traffic and kills it after `time`.
    private func live(
        for time: Duration, redis: RedisServer, publisher: NodePublisher, directory: String, copies: String,
        orphan: String?
    ) async throws -> Life {
        try await TemporaryDirectory.with { logs in
            let known = Set(
                try FileManager.default.fileExists(atPath: directory) ? CaptureFiles.paths(in: directory) : [])
            let traffic = Traffic(publisher)
            let relay = try await start(redis, directory, logs)
            try await relay.waitUntilReady()
            let counter = try await redis.command(["GET", .text(Self.channel)]).text
            let counterAtStart = counter.flatMap { UInt64($0) } ?? 0
            try await expectClosed(orphan, by: relay)
            try await Task.sleep(for: time)
            // Before the signal: anything that arrives in between is not a loss.
            let killedAt = ContinuousClock.now
            relay.child.signal(SIGKILL)
            #expect(try await relay.child.exit() == .signal(SIGKILL))

            let published = try await traffic.stop()
            var life = Life(published: published, counterAtStart: counterAtStart, killedAt: killedAt)
            if let original = try CaptureFiles.paths(in: directory).first(where: { !known.contains($0) }) {
                let copy = copies + "/" + URL(fileURLWithPath: original).lastPathComponent
                try FileManager.default.copyItem(atPath: original, toPath: copy)
                life.copy = copy
                life.original = original
            }
            return life
        }
    }

    private func start(_ redis: RedisServer, _ directory: String, _ logs: String) async throws -> RelayProcess {
        try await RelayProcess.start(
            ["--redis", redis.url, "--channel", Self.channel, "--record", directory], folder: logs)
    }

    /// It may be ready before it has read the directory.
    private func expectClosed(_ orphan: String?, by relay: RelayProcess) async throws {
        guard let orphan else { return }
        try await eventually("the previous segment is closed") {
            relay.child.errors.contains("closed '\(orphan)', which an earlier run left open") ? true : nil
        }
    }

    // MARK: - After the kills

    private func expectAll(_ lives: [Life], in copies: String, seed: UInt64) async throws {
        let files = lives.compactMap(\.copy)
        let byFile = Dictionary(grouping: try await MCAPMessage.read(files), by: \.file)
        let cat = try await Finished.relay(["cat", "--json", copies], within: .seconds(120))
        #expect(cat.exit == .code(0), "seed \(seed): \(cat.errors.prefix(2_000))")
        let envelopes = byFile.values.reduce(0) { $0 + $1.filter { !$0.isEvent }.count }
        #expect(cat.lines.count == envelopes)

        var lastID: UInt64?
        for (number, life) in lives.enumerated() {
            let name = life.copy.map { URL(fileURLWithPath: $0).lastPathComponent } ?? ""
            let messages = byFile[name] ?? []
            let context: Comment = "kill \(number), seed \(seed), \(name)"
            expect(life, is: messages.filter { !$0.isEvent }, context)
            guard let first = messages.first(where: { !$0.isEvent })?.id else { continue }
            if let lastID, first > lastID + 1 {
                let gap = RelayEvent(
                    event: "gap", channel: Self.channel, from: lastID + 1, to: first - 1, cause: "not_recording")
                #expect(try RelayEvent.all(in: messages).contains(gap), context)
            }
            lastID = messages.last { !$0.isEvent }?.id
        }
    }

    private func expect(_ life: Life, is recorded: [MCAPMessage], _ context: Comment) {
        let ids = recorded.compactMap(\.id)
        #expect(ids.count == recorded.count, context)
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 + 1 == $1 }, "ids must be consecutive: \(context)")

        let payloads = Dictionary(uniqueKeysWithValues: life.published.map { ($0.id, $0.payload) })
        #expect(recorded.allSatisfy { payloads[$0.id ?? 0].map { Data($0) } == $0.data }, context)

        let until = life.killedAt - Self.promise - Self.schedulingMargin
        let kept = Set(ids)
        let lost = life.published.filter {
            $0.id > life.counterAtStart && $0.confirmedAt < until && !kept.contains($0.id)
        }
        #expect(lost.isEmpty, "\(lost.count) lost, first \(lost.first?.id ?? 0): \(context)")
    }

    private func expectLastStart(redis: RedisServer, directory: String, orphan: String?) async throws {
        try await TemporaryDirectory.with { logs in
            let relay = try await start(redis, directory, logs)
            try await relay.waitUntilReady()
            try await expectClosed(orphan, by: relay)
            #expect(try await relay.stop() == .code(0))
        }
        let info = try await CaptureInfo.read(directory)
        #expect(info.segments.allSatisfy { $0.state == "closed" })
        #expect(info.damage.isEmpty)
        #expect(info.channels.flatMap(\.holes).allSatisfy { $0.cause == "not_recording" })
    }
}
