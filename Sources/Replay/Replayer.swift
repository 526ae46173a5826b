public import Capture
import Histogram
import NIOCore
import NIOPosix
public import Redis
import SignalRBackplane

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Publishes a capture into another Redis, in the captured order and pace, under new ids.
public struct Replayer: Sendable {
    public struct Options: Sendable {
        /// Publish everything here; nil keeps each envelope on the channel it came from.
        public var channel: String?
        public var speed: ReplaySchedule.Speed
        /// Publish even into the server that the capture was recorded from.
        public var allowsSource: Bool

        public init(channel: String? = nil, speed: ReplaySchedule.Speed = .times(1), allowsSource: Bool = false) {
            self.channel = channel
            self.speed = speed
            self.allowsSource = allowsSource
        }
    }

    /// Commands are sent on when this many bytes are due together.
    private static let batchBytes = 64 * 1024
    /// Time between the start and the first deadline, in nanoseconds.
    private static let headStart: UInt64 = 1_000_000

    private let capture: CaptureReader
    private let target: RedisConfiguration
    private let options: Options

    public init(capture: CaptureReader, target: RedisConfiguration, options: Options = Options()) {
        self.capture = capture
        self.target = target
        self.options = options
    }

    /// Replays all of it.
    ///
    /// - Throws: ``ReplayError``, `RedisError`, `CaptureError`.
    public func run() async throws -> ReplayReport {
        if capture.sources().contains(where: { $0.payload == .none }) { throw ReplayError.withoutPayload }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        let result: Result<ReplayReport, any Error>
        do {
            let client = try await RedisClient.connect(to: target, eventLoopGroup: group)
            do {
                try await refuseSource(client)
                let script = try await client.load(script: BackplaneScript.republish)
                result = .success(try await thread.runIfActive { try publish(through: client, script: script) })
            } catch {
                result = .failure(error)
            }
            await client.close()
        } catch {
            result = .failure(error)
        }
        try await thread.shutdownGracefully()
        try await group.shutdownGracefully()
        return try result.get()
    }

    private func refuseSource(_ client: RedisClient) async throws {
        guard !options.allowsSource else { return }
        let server = try await client.serverInfo()
        for source in capture.sources() {
            // Without a run_id (INFO was denied while recording) the address is the next best.
            let isSource = source.runID.map { $0 == server.runID } ?? (source.redis == target.endpoint)
            if isSource { throw ReplayError.targetIsSource(endpoint: target.endpoint) }
        }
    }

    // MARK: - On the replaying thread

    private func publish(through client: RedisClient, script: RedisScript) throws -> ReplayReport {
        var report = ReplayReport()
        var lateness = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
        let window = PublishWindow()
        var batch = CommandBatch(sha1: script.sha1)
        var schedule: ReplaySchedule?
        var firstReceivedAt: UInt64 = 0
        var lastReceivedAt: UInt64 = 0
        var start: UInt64 = 0

        func send() throws {
            guard batch.count > 0 else { return }
            guard window.admit(batch.count) else { throw Stopped() }
            client.pipeline(batch.bytes, count: batch.count) { window.answered($0) }
            batch.clear()
        }

        do {
            let read = try capture.forEach { item in
                guard case .envelope(let envelope) = item else { return }
                guard let blob = Reissue.blob(of: envelope.payload) else {
                    report.skipped += 1
                    return
                }
                if schedule == nil {
                    start = Moment.now().monotonic + Self.headStart
                    firstReceivedAt = envelope.receivedAt
                    schedule = ReplaySchedule(
                        speed: options.speed, start: start, firstReceivedAt: firstReceivedAt)
                }
                lastReceivedAt = max(lastReceivedAt, envelope.receivedAt)
                if let deadline = schedule?.deadline(forReceivedAt: envelope.receivedAt) {
                    if deadline > Moment.now().monotonic {
                        try send()
                        Self.sleep(until: deadline)
                    }
                    lateness.record(Moment.now().monotonic - min(deadline, Moment.now().monotonic))
                }
                batch.append(channel: options.channel ?? envelope.channel, blob: blob)
                report.bytes += blob.count
                if batch.bytes.readableBytes >= Self.batchBytes || batch.count >= PublishWindow.limit / 2 {
                    try send()
                }
            }
            report.damage = read.damage.map(\.description)
            try send()
        } catch is Stopped {
            // The window knows why.
        }
        let outcome = window.drain()
        if let failure = outcome.failure {
            throw ReplayError.stopped(confirmed: outcome.confirmed, cause: failure)
        }
        guard schedule != nil || report.skipped > 0 else { throw ReplayError.empty }
        report.sent = outcome.confirmed
        report.firstID = outcome.firstID
        report.lastID = outcome.lastID
        report.receivers = outcome.receivers
        report.actualNanoseconds = schedule == nil ? 0 : Moment.now().monotonic - start
        if case .times(let factor) = options.speed {
            report.ratedNanoseconds = UInt64(Double(lastReceivedAt - firstReceivedAt) / factor)
            if lateness.totalCount > 0 { report.lateness = ReplayReport.Distribution(lateness) }
        }
        return report
    }

    /// The target failed; the reading stops.
    private struct Stopped: Error {}

    private static func sleep(until deadline: UInt64) {
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil) == EINTR {}
    }
}
