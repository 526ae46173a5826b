import Backplane
import Foundation
import NIOCore
import NIOPosix
import Redis
import Synchronization
import TestSupport

/// Publishes as a node does, by the node's own script, through every loss of its connection, and writes down what Redis
/// answered.
final class Publisher: Sendable {
    let ledger = Ledger()
    let channel: String
    private let configuration: RedisConfiguration
    private let state: Mutex<BurstMaker>
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(_ configuration: RedisConfiguration, channel: String, seed: UInt64) {
        self.configuration = configuration
        self.channel = channel
        state = Mutex(BurstMaker(seed: seed))
    }

    // MARK: - What to do

    var load: Load {
        get { state.withLock { $0.load } }
        set { state.withLock { $0.load = newValue } }
    }

    /// Nothing but what is asked for is published while this is true.
    var isPaused: Bool {
        get { state.withLock { $0.isPaused } }
        set { state.withLock { $0.isPaused = newValue } }
    }

    /// Pauses, and waits until all that was asked for is published and no answer is outstanding.
    func pause() async throws {
        isPaused = true
        try await eventually("nothing is under way", within: .seconds(30)) {
            state.withLock { $0.requests.isEmpty && !$0.isUnderWay ? true : nil }
        }
    }

    /// Publishes one envelope after a ``pause()`` and waits until it is confirmed.
    func publishAlone() async throws {
        // Before it is asked for: it may be confirmed before we go on.
        let goal = ledger.count + 1
        publish(1)
        try await confirmed(goal, "an envelope that is published alone is confirmed", within: .seconds(30))
    }

    /// Publishes without an id, as something that is not SignalR.
    func publishRaw(_ count: Int) { request(.raw, count) }

    /// Moves the counter without publishing.
    func burn(_ count: Int) { request(.burn, count) }

    func publish(_ count: Int, size: Int = 100) { request(.envelope(size: size), count) }

    private func request(_ request: BurstMaker.Request, _ count: Int) {
        state.withLock { $0.requests += Array(repeating: request, count: count) }
    }

    // MARK: - Doing it

    func start() {
        running.withLock { $0 = Task { await self.run() } }
    }

    /// Returns when no answer is outstanding any more.
    func stop() async {
        let task = running.withLock { $0.take() }
        task?.cancel()
        await task?.value
    }

    /// Waits until `count` more publications are confirmed.
    func more(_ count: Int, within limit: Duration = .seconds(30)) async throws {
        try await confirmed(ledger.count + count, "\(count) more envelopes are published", within: limit)
    }

    private func confirmed(_ goal: Int, _ what: String, within limit: Duration) async throws {
        try await eventually(what, within: limit) { ledger.count >= goal ? true : nil }
    }

    private func run() async {
        while !Task.isCancelled {
            await useConnection()
            if !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
        }
    }

    private func useConnection() async {
        guard
            let client = try? await RedisClient.connect(
                to: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, loginTimeout: .seconds(5))
        else { return }
        if let script = try? await client.load(script: BackplaneScript.publish) {
            while !Task.isCancelled, await publishBurst(client, script.sha1) {
                let pause = state.withLock { Int.random(in: $0.load.pause, using: &$0.random) }
                try? await Task.sleep(for: .milliseconds(pause))
            }
        }
        await client.close()
    }

    /// - Returns: false if the connection is of no use any more.
    private func publishBurst(_ client: RedisClient, _ sha1: String) async -> Bool {
        let requests = state.withLock { $0.takeBurst() }
        guard !requests.isEmpty else { return true }
        var commands = ByteBuffer()
        let indexes = requests.map { request in
            switch request {
            case .envelope(let size):
                let blob = state.withLock { $0.blob(size: size) }
                RESPEncoder.encode(["EVALSHA", .text(sha1), "1", .text(channel), .bytes(blob)], into: &commands)
                return ledger.begin(.envelope, blob: blob)
            case .raw:
                let text = state.withLock { $0.rawPayload() }
                RESPEncoder.encode(["PUBLISH", .text(channel), .bytes(text)], into: &commands)
                return ledger.begin(.raw, blob: text)
            case .burn:
                RESPEncoder.encode(["INCR", .text(channel)], into: &commands)
                return ledger.begin(.burnt, blob: [])
            }
        }
        defer { state.withLock { $0.isUnderWay = false } }
        return await withCheckedContinuation { continuation in
            let answers = BurstAnswers(ledger: ledger, indexes: indexes) { continuation.resume(returning: $0) }
            client.pipeline(commands, count: indexes.count) { answers.add($0) }
        }
    }
}
