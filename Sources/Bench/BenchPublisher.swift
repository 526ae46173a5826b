import Backplane
import Capture
import Loopback
import NIOCore
import NIOPosix
import Redis
import Time

/// Publishes like a node, at a given rate. Runs on its own event loop, so that its CPU time can be distinguished from
/// that of the relay in the same process.
struct BenchPublisher: Sendable {
    struct Outcome: Sendable {
        var envelopes: Int
        /// From the start to the last reply.
        var seconds: Double
        /// CPU time of the publisher's thread.
        var processorSeconds: Double
    }

    let client: RedisClient
    private let loop: any EventLoop
    private let traffic: BenchTraffic
    /// A command up to the blob.
    private let head: ByteBuffer

    /// - Parameter group: one thread, used by nothing else.
    static func connect(
        to redis: RedisConfiguration, channel: String, traffic: BenchTraffic, group: MultiThreadedEventLoopGroup
    ) async throws -> BenchPublisher {
        let client = try await RedisClient.connect(to: redis, eventLoopGroup: group)
        do {
            let script = try await client.load(script: BackplaneScript.publish)
            return BenchPublisher(
                client: client, loop: group.any(), traffic: traffic, head: head(script, channel, traffic.blobBytes))
        } catch {
            await client.close()
            throw error
        }
    }

    /// - Throws: ``SetupError`` if Redis refuses or is lost; `CancellationError` as soon as the task is cancelled.
    func publish(perSecond rate: Int, seconds: Double) async throws -> Outcome {
        let promise = loop.makePromise(of: Outcome.self)
        let run = try await loop.submit { [client, traffic, head, loop] in
            let run = PublishingRun(
                client: client, traffic: traffic, head: head, rate: Double(rate), seconds: seconds, loop: loop,
                promise: promise)
            run.begin()
            return NIOLoopBound(run, eventLoop: loop)
        }.get()
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            loop.execute { run.value.cancel() }
        }
    }

    private static func head(_ script: RedisScript, _ channel: String, _ blobBytes: Int) -> ByteBuffer {
        var head = ByteBuffer(string: "*5\r\n")
        RESPEncoder.encodeBulk("EVALSHA".utf8, into: &head)
        RESPEncoder.encodeBulk(script.sha1.utf8, into: &head)
        RESPEncoder.encodeBulk("1".utf8, into: &head)
        RESPEncoder.encodeBulk(channel.utf8, into: &head)
        head.writeString("$\(blobBytes)\r\n")
        return head
    }
}

/// One rate. Confined to its event loop.
private final class PublishingRun {
    /// Maximum number of unanswered commands and bytes: stopping the bench takes until Redis has read them.
    private static let window = 1_024
    private static let windowBytes = 32 << 20
    private static let tick = TimeAmount.microseconds(500)

    private let client: RedisClient
    private let traffic: BenchTraffic
    private let head: ByteBuffer
    private let rate: Double
    private let nanoseconds: UInt64
    private let window: Int
    private let loop: any EventLoop
    private let promise: EventLoopPromise<BenchPublisher.Outcome>

    private var startedAt: UInt64 = 0
    private var processorAtStart = 0.0
    private var sent = 0
    private var unanswered = 0
    /// Sending has stopped.
    private var isOver = false
    private var isFinished = false

    init(
        client: RedisClient, traffic: BenchTraffic, head: ByteBuffer, rate: Double, seconds: Double,
        loop: any EventLoop, promise: EventLoopPromise<BenchPublisher.Outcome>
    ) {
        self.client = client
        self.traffic = traffic
        self.head = head
        self.rate = rate
        nanoseconds = UInt64(seconds * 1e9)
        window = min(Self.window, max(2, Self.windowBytes / traffic.blobBytes))
        self.loop = loop
        self.promise = promise
    }

    func begin() {
        startedAt = Moment.now().monotonic
        processorAtStart = SystemClock.threadSeconds()
        tick()
    }

    private func tick() {
        send()
        guard !isOver else { return }
        let run = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.tick) { run.value.tick() }
    }

    /// Sends what is due, within the window: late envelopes do not delay later ones.
    private func send() {
        let now = Moment.now()
        let elapsed = now.monotonic - startedAt
        if elapsed >= nanoseconds { isOver = true }
        let due = Int(Double(min(elapsed, nanoseconds)) * 1e-9 * rate) - sent
        let count = isFinished ? 0 : min(due, window - unanswered)
        guard count > 0 else { return finishIfDone() }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(count * (head.readableBytes + traffic.blobBytes + 2))
        for index in sent..<sent + count {
            bytes.writeImmutableBuffer(head)
            traffic.append(index, createdAt: now, to: &bytes)
            bytes.writeStaticString("\r\n")
        }
        sent += count
        unanswered += count
        let run = NIOLoopBound(self, eventLoop: loop)
        client.pipeline(bytes, count: count) { run.value.answered($0) }
    }

    private func answered(_ reply: Result<RESPValue, RedisError>) {
        unanswered -= 1
        switch reply {
        case .success(.error(let text)): fail(SetupError("Redis refuses to publish: \(text)"))
        case .success: break
        case .failure(let error): fail(SetupError("the bench lost the connection to Redis: \(error)"))
        }
        if unanswered == window / 2, !isOver { send() }
        finishIfDone()
    }

    private func finishIfDone() {
        guard isOver, unanswered == 0, !isFinished else { return }
        isFinished = true
        promise.succeed(
            BenchPublisher.Outcome(
                envelopes: sent, seconds: Double(Moment.now().monotonic - startedAt) * 1e-9,
                processorSeconds: SystemClock.threadSeconds() - processorAtStart))
    }

    /// Does not wait for unanswered commands.
    func cancel() { fail(CancellationError()) }

    private func fail(_ error: any Error) {
        guard !isFinished else { return }
        isOver = true
        isFinished = true
        promise.fail(error)
    }
}
