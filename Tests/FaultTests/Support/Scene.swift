import Foundation
import Redis
import Synchronization
import TestSupport
import Testing

/// One run: a Redis, a relay that records it, a publisher that logs what it published, and the account at the end.
final class Scene: Sendable {
    static let channel = "chat"
    private static let recorded = "backplane_relay_recorded_envelopes_total"
    private static let lastID = #"signalr_backplane_last_id{channel="\#(channel)",backplane="signalr2"}"#

    struct Options: Sendable {
        var seed = UInt64.random(in: 0...UInt64.max)
        /// Added to the relay's command line.
        var arguments: [String] = []
        var environment: [String: String] = [:]
        /// Where to record; nil for a directory of this run.
        var directory: String?
        /// The relay's address for Redis; nil for the server's own address.
        var redisURL: String?
        /// The publisher's address for Redis; nil for the server's own address.
        var publisherConfiguration: RedisConfiguration?
        /// 0, because the tests use small disks.
        var minimumFreeDisk = "0"
        /// The relay's connection is cut at the very end; what is published afterwards is lost before it stops.
        var isDeafAtTheEnd = false
    }

    let redis: RedisServer
    let publisher: Publisher
    let directory: String
    private let folder: String
    private let options: Options
    private let current = Mutex<RelayProcess?>(nil)
    /// Standard error of the relays that have ended.
    private let past = Mutex<[String]>([])

    private init(redis: RedisServer, folder: String, options: Options) {
        self.redis = redis
        self.folder = folder
        self.options = options
        directory = options.directory ?? folder + "/capture"
        publisher = Publisher(
            options.publisherConfiguration ?? redis.configuration, channel: Self.channel, seed: options.seed)
    }

    /// Runs `body` during traffic through a relay that is ready, then settles the account.
    ///
    /// - Returns: the account, not yet checked.
    static func run(
        _ redis: RedisServer, _ options: Options = Options(), isolation: isolated (any Actor)? = #isolation,
        _ body: (Scene) async throws -> Void
    ) async throws -> Account {
        let folder = "/tmp/backplane-relay-fault-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let scene = Scene(redis: redis, folder: folder, options: options)
        do {
            try await scene.startRelay()
            try await scene.relay().waitUntilReady()
            scene.publisher.start()
            try await scene.relay().waitForMetric(Self.recorded, atLeast: 50)
            try await body(scene)
            let account = try await scene.settle()
            await scene.end(keepsCapture: !account.isBalanced)
            return account
        } catch {
            await scene.end(keepsCapture: true)
            throw TestFailure(
                "\(error)\ncapture kept in \(scene.kept)\nThe relay said:\n\(scene.log.suffix(6_000))")
        }
    }

    /// Where to inspect the capture of a failed run.
    private var kept: String { folder + "/capture" }

    private func end(keepsCapture: Bool) async {
        await killRelay()
        await publisher.stop()
        if keepsCapture {
            // A disk of the test is removed with it.
            if options.directory != nil { try? FileManager.default.copyItem(atPath: directory, toPath: kept) }
            print("capture kept in \(kept), the relay's log in \(folder)")
        } else {
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    // MARK: - The relay

    var isRelayRunning: Bool { current.withLock { $0 != nil } }

    func relay() throws -> RelayProcess {
        guard let relay = current.withLock({ $0 }) else { throw TestFailure("no relay runs now") }
        return relay
    }

    /// Everything that the relays wrote to standard error.
    var log: String {
        past.withLock { $0.joined() } + (current.withLock { $0?.child.errors } ?? "")
    }

    func startRelay() async throws {
        let relay = try await RelayProcess.start(
            [
                "--redis", options.redisURL ?? redis.url, "--channel", Self.channel, "--record", directory,
                "--min-free-disk", options.minimumFreeDisk,
            ] + options.arguments, environment: options.environment, folder: folder)
        current.withLock { $0 = relay }
    }

    /// Sends SIGTERM; the relay must exit correctly.
    func stopRelay() async throws {
        guard let relay = current.withLock({ $0.take() }) else { return }
        relay.child.signal(SIGTERM)
        // A frozen process receives the signal only after SIGCONT.
        relay.child.signal(SIGCONT)
        let exit = try await relay.child.exit()
        ended(relay)
        // 3: envelopes were lost in this run.
        guard exit == .code(0) || exit == .code(3) else { throw TestFailure("the relay ended with \(exit)") }
    }

    /// SIGKILL.
    func killRelay() async {
        guard let relay = current.withLock({ $0.take() }) else { return }
        await relay.child.terminate()
        ended(relay)
    }

    private func ended(_ relay: RelayProcess) {
        past.withLock { $0.append(relay.child.errors) }
    }

    // MARK: - The account

    /// Waits until the relay has recorded an envelope that is published after this call.
    func waitUntilRecording(within limit: Duration = .seconds(40)) async throws {
        try await relay().waitUntilReady(within: limit)
        // It may still be ready because it has not detected the fault yet, and may still be writing earlier envelopes.
        let begun = publisher.ledger.publications.count
        try await relay().waitForMetrics("the relay receives later publications", within: limit) { metrics in
            publisher.ledger.publications[begun...].contains { publication in
                guard publication.kind == .envelope, publication.outcome == .done else { return false }
                // An envelope without a readable id cannot be found.
                return publication.id.map { Double($0) == metrics[Self.lastID] } ?? true
            }
        }
        let before = try await relay().metric(Self.recorded)
        try await publisher.more(20)
        try await relay().waitForMetric(Self.recorded, atLeast: Int(before) + 1, within: limit)
    }

    /// Waits until this relay has recorded everything that was confirmed.
    func waitUntilAllIsRecorded(within limit: Duration = .seconds(20)) async throws {
        try await relay().waitForMetric(Self.recorded, atLeast: publisher.ledger.count, within: limit)
    }

    /// Waits until a relay has logged this.
    func waitForLog(_ text: String, within limit: Duration = .seconds(20)) async throws {
        try await eventually("the relay says '\(text)'", within: limit) { log.contains(text) ? true : nil }
    }

    /// Waits until the relay has detected that it cannot write.
    func waitUntilNotWriting() async throws {
        try await eventually("the relay cannot write") {
            let errors = try await relay().metric("backplane_relay_write_errors_total")
            let readiness = try await relay().readiness()
            return errors > 0 && readiness == 503 ? true : nil
        }
    }

    /// Pauses the traffic and waits until the relay has read all of it.
    func pauseAtBoundary() async throws {
        try await publisher.pause()
        try await publisher.publishAlone()
        let last = publisher.ledger.lastID.map { Double($0) }
        try await relay().waitForMetrics("the relay has read everything") { $0[Self.lastID] == last }
    }

    /// Waits until the last envelope is recorded, stops the relay, and compares.
    private func settle() async throws -> Account {
        if !isRelayRunning { try await startRelay() }
        try await waitUntilRecording()
        try await publisher.pause()
        // A last envelope that certainly arrives: it reveals what is missing before it.
        try await publisher.publishAlone()
        if options.isDeafAtTheEnd {
            try await expectRecordedOrDropped()
            try relay().child.signal(SIGSTOP)
            try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
            for _ in 0..<3 { try await publisher.publishAlone() }
            await publisher.stop()
        } else {
            await publisher.stop()
            try await expectRecordedOrDropped()
        }
        try await stopRelay()

        let timeline = try await TimelineItem.read(directory, channel: Self.channel)
        var account = Accountant.account(for: publisher.ledger.publications, in: timeline)
        for problem in InfoCheck.problems(
            try await CaptureInfo.read(directory), channel: Self.channel, timeline: timeline, account: account)
        { account.note(problem) }
        return account
    }

    /// Everything received was recorded or dropped; the metrics show it once the relay is idle.
    private func expectRecordedOrDropped() async throws {
        let lastID = publisher.ledger.lastID
        try await relay().waitForMetrics("the metrics show everything received as recorded or dropped") { metrics in
            let received = metrics[
                #"signalr_backplane_envelopes_total{channel="\#(Self.channel)",backplane="signalr2"}"#]
            let kept = metrics[Self.recorded] ?? 0
            // With buffer_full it is refused before it is counted as received.
            let dropped = metrics.reduce(0.0) { sum, sample in
                sample.key.hasPrefix("backplane_relay_dropped_envelopes_total{") && !sample.key.contains("buffer_full")
                    ? sum + sample.value : sum
            }
            return received == kept + dropped
                && (lastID == nil || metrics[Self.lastID] == lastID.map { Double($0) })
        }
    }
}

extension Account {
    /// Fails the test unless every envelope is accounted for.
    func expectBalanced(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
        print("\(what): \(self)")
        #expect(problems == [], "\(what)", sourceLocation: sourceLocation)
        #expect(unaccounted == 0, "\(what)", sourceLocation: sourceLocation)
        #expect(published == recorded + missingTotal + beyondKnowledge, "\(what)", sourceLocation: sourceLocation)
    }
}

/// Whether `info --json` agrees with the envelopes and events of a capture.
enum InfoCheck {
    /// - Returns: contradictions, as sentences.
    static func problems(_ info: CaptureInfo, channel: String, timeline: [TimelineItem], account: Account) -> [String] {
        guard let said = info.channels.first(where: { $0.channel == channel }) else {
            return account.recorded == 0 ? [] : ["info does not know the channel"]
        }
        // Recorded envelopes that were lost later count as damage too.
        let isLost = timeline.contains { if case .event(let event) = $0 { event.event == "lost" } else { false } }
        var problems = isLost ? [] : info.damage.map { "info: damage: \($0)" }
        // In any case: never complete if envelopes were lost.
        if info.complete == true, account.missingTotal + account.unaccounted + account.beyondKnowledge > 0 {
            problems.append("info: complete, and \(account.missingTotal) are missing")
        }
        if said.envelopes != account.recorded {
            problems.append("info: \(said.envelopes) envelopes, recorded \(account.recorded)")
        }
        if said.missingIds != UInt64(account.reportedMissing) {
            problems.append("info: \(said.missingIds) missing ids, the events report \(account.reportedMissing)")
        }
        let sum = said.holes.reduce(0) { $0 + ($1.to - $1.from + 1) }
        if sum != said.missingIds { problems.append("info: \(said.missingIds) missing ids, its holes hold \(sum)") }
        let causes = reportedCauses(timeline)
        for hole in said.holes {
            let isExplained = causes.contains { $0.ids.overlaps(hole.from...hole.to) && $0.cause == hole.cause }
            if isExplained { continue }
            problems.append("info: hole \(hole.from)..\(hole.to) because of \(hole.cause), which no event says")
        }
        let resets = timeline.count { if case .event(let event) = $0 { event.event == "counter_reset" } else { false } }
        if said.counterResets.count != resets {
            problems.append("info: \(said.counterResets.count) counter resets, the events say \(resets)")
        }
        return problems
    }

    private static func reportedCauses(_ timeline: [TimelineItem]) -> [(ids: ClosedRange<UInt64>, cause: String)] {
        timeline.compactMap { item in
            guard case .event(let event) = item, let from = event.from, let to = event.to,
                let cause = event.cause ?? event.reason
            else { return nil }
            return (from...to, cause)
        }
    }
}
