import Backplane
import Foundation
import NIOCore
import NIOPosix
import Redis
import Synchronization
import TestSupport

/// Publishes like a node, with the node's script, reconnecting after each lost connection, and records Redis' replies.
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

    // MARK: - Requests

    var load: Load {
        get { state.withLock { $0.load } }
        set { state.withLock { $0.load = newValue } }
    }

    /// While true, only requested publications are sent.
    var isPaused: Bool {
        get { state.withLock { $0.isPaused } }
        set { state.withLock { $0.isPaused = newValue } }
    }

    /// Pauses, and waits until everything requested is published and no reply is outstanding.
    func pause() async throws {
        isPaused = true
        try await eventually("nothing is in flight", within: .seconds(30)) {
            state.withLock { $0.requests.isEmpty && !$0.isUnderWay ? true : nil }
        }
    }

    /// Publishes one envelope after a ``pause()`` and waits until it is confirmed.
    func publishAlone() async throws {
        // Before the request: it may be confirmed before this function continues.
        let goal = ledger.count + 1
        publish(1)
        try await confirmed(goal, "an envelope that is published alone is confirmed", within: .seconds(30))
    }

    /// Publishes without an id, like a program other than SignalR.
    func publishRaw(_ count: Int) { request(.raw, count) }

    /// Changes the counter without publishing.
    func burn(_ count: Int) { request(.burn, count) }

    func publish(_ count: Int, size: Int = 100) { request(.envelope(size: size), count) }

    private func request(_ request: BurstMaker.Request, _ count: Int) {
        state.withLock { $0.requests += Array(repeating: request, count: count) }
    }

    // MARK: - Publishing

    func start() {
        running.withLock { $0 = Task { await self.run() } }
    }

    /// Returns when no reply is outstanding.
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

    /// - Returns: false if the connection can no longer be used.
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

/// The rate and size of a ``Publisher``'s envelopes.
struct Load: Sendable {
    /// Envelopes sent in one burst.
    var burst = 1...20
    /// Between two bursts, in milliseconds.
    var pause = 2...10
    /// Bytes of text in an envelope; a few envelopes are much larger.
    var size = 50...600
    var largeEvery = 100
    var largeSize = 2_000...40_000

    static let usual = Load()
    /// Some megabytes per second: more than socket buffers hold.
    static let heavy = Load(burst: 2...4, pause: 4...8, size: 30_000...60_000)
}

/// Decides what a ``Publisher`` publishes next.
struct BurstMaker {
    enum Request {
        case envelope(size: Int)
        case raw
        case burn
    }

    var random: SplitMix64
    var load = Load.usual
    /// While true, only requested publications.
    var isPaused = false
    /// Requests for the next burst.
    var requests: [Request] = []
    /// From the sending of a burst until all its replies have arrived.
    var isUnderWay = false
    private var number = 0
    private let noise: [UInt8]

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        noise = random.bytes(200_000).map { 97 + $0 % 26 }
    }

    mutating func takeBurst() -> [Request] {
        var burst = requests
        requests = []
        if !isPaused {
            burst += (0..<Int.random(in: load.burst, using: &random)).map { _ in
                let isLarge = Int.random(in: 1...load.largeEvery, using: &random) == 1
                return .envelope(size: Int.random(in: isLarge ? load.largeSize : load.size, using: &random))
            }
        }
        isUnderWay = !burst.isEmpty
        return burst
    }

    /// A unique chat message.
    mutating func blob(size: Int) -> [UInt8] {
        number += 1
        var call = Array(#"{"H":"chatHub","M":"broadcastMessage","A":["\#(number)",""#.utf8)
        var left = size
        while left > 0 {
            let start = Int.random(in: 0..<noise.count, using: &random)
            let piece = noise[start...].prefix(left)
            call += piece
            left -= piece.count
        }
        call += #""]}"#.utf8
        let message = Message(source: "5d79f717-a44d-4b23-ae9c-fb5f3a54d40b", key: "h-chatHub", value: call)
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        return ScaleoutMessage(messages: [message], createdTicks: DotNetTicks(unixNanoseconds: now).rawValue).encoded()
    }

    mutating func rawPayload() -> [UInt8] {
        number += 1
        return Array("not SignalR: \(number)".utf8)
    }
}

/// Records the replies to one pipeline in the ledger.
final class BurstAnswers: Sendable {
    private struct State {
        var indexes: ArraySlice<Int>
        var isConnected = true
        var completion: (@Sendable (_ isConnected: Bool) -> Void)?
    }

    private let ledger: Ledger
    private let state: Mutex<State>

    /// - Parameter completion: called after all replies, with whether the connection and the script are still usable.
    init(ledger: Ledger, indexes: [Int], completion: @escaping @Sendable (_ isConnected: Bool) -> Void) {
        self.ledger = ledger
        state = Mutex(State(indexes: indexes[...], completion: completion))
    }

    func add(_ reply: Result<RESPValue, RedisError>) {
        let (completion, isConnected) = state.withLock { state in
            if let index = state.indexes.popFirst(), !write(reply, at: index) { state.isConnected = false }
            return (state.indexes.isEmpty ? state.completion.take() : nil, state.isConnected)
        }
        completion?(isConnected)
    }

    /// - Returns: false if this connection can no longer be used for publishing.
    private func write(_ reply: Result<RESPValue, RedisError>, at index: Int) -> Bool {
        switch reply {
        case .failure:
            return false
        case .success(.error):
            // NOSCRIPT, LOADING, MISCONF: a new connection loads the script again.
            ledger.complete(index, outcome: .refused, id: nil, payload: nil)
            return false
        case .success(.array(let parts)):
            guard case .bulk(let payload)? = parts.last else { return false }
            ledger.complete(index, outcome: .done, id: PayloadID.of(payload), payload: payload)
        case .success(let value):
            // The reply to PUBLISH is the number of receivers, to INCR the counter; the kind of operation decides.
            ledger.complete(index, outcome: .done, number: value.integer)
        }
        return true
    }
}
