import FoundationEssentials
package import Logging
import Loopback
import MCAP
import NIOCore
import NIOPosix
import Preflight
package import Redis
import Relay
import Synchronization
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Measures the capacity of this machine: publishes at rising rates to a recording relay, until envelopes are lost or
/// publishing cannot go faster.
package struct Bench: Sendable {
    /// Free space required: more than the capture of one compression.
    private static let neededFree: UInt64 = 4 << 30
    /// Longest wait for Redis when cleaning up.
    private static let patience = Duration.seconds(2)

    /// Where it records; created by ``run()`` and removed at its end.
    package let directory: String
    private let channel: String
    private let configuration: BenchConfiguration
    private let logger: Logger
    private let onStep: @Sendable (String) -> Void

    /// - Parameter onStep: called with a description of each step.
    package init(
        configuration: BenchConfiguration, logger: Logger, onStep: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        let random = String(UInt64.random(in: .min ... .max), radix: 16)
        channel = "backplane-relay:bench:\(random)"
        directory = configuration.directory + "/backplane-relay-bench-\(random)"
        self.configuration = configuration
        self.logger = logger
        self.onStep = onStep
    }

    /// - Throws: ``SetupError`` and other errors that prevent the bench; a poor result is not an error.
    package func run() async throws -> BenchReport {
        if let redis = configuration.redis { return try await measure(redis, isOurs: false) }
        return try await RedisServerProcess.run { try await measure($0, isOurs: true) }
    }

    private func measure(_ redis: RedisConfiguration, isOurs: Bool) async throws -> BenchReport {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        onStep("measuring Redis and the disk")
        var look = await Preflight.run(
            redis: redis, channels: [channel], directory: nil, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        look.directory = try await Self.onThread { DirectoryReport.examine(directory, isOver: $0) }
        if let reason = look.unreachable ?? look.objection {
            throw SetupError(reason, setting: .connection(look.missing))
        }
        if let free = look.directory?.freeBytes, free < Self.neededFree {
            throw SetupError(
                "'\(configuration.directory)' has \(free >> 20) MiB free; the bench writes up to "
                    + "\(Self.neededFree >> 20) MiB: name a directory on another disk", setting: .directory)
        }
        let (traffic, zstd) = try await Self.onThread { [configuration] isOver in
            let traffic = try BenchTraffic(payloadBytes: configuration.payloadBytes, isOver: isOver)
            return (traffic, try ZstdProbe(traffic, isOver: isOver))
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let publisher = try await BenchPublisher.connect(
                to: redis, channel: channel, traffic: traffic, group: group)
            var climbs: [BenchReport.Climb] = []
            do {
                for (name, compression) in [("none", Compression.none), ("zstd", .zstd(level: 1))] {
                    climbs.append(
                        try await climb(
                            name, compression, redis: redis, channel: channel, directory: directory + "/" + name,
                            publisher: publisher, disk: look.directory?.bytesPerSecond))
                    try? FileManager.default.removeItem(atPath: directory + "/" + name)
                }
            } catch {
                await Self.leave(publisher, channel)
                throw error
            }
            await Self.leave(publisher, channel)
            try await group.shutdownGracefully()
            return BenchReport(
                redis: look.endpoint, redisVersion: look.server?.versionText, redisIsOurs: isOurs,
                roundTripSeconds: Double(look.roundTripNanoseconds) * 1e-9, processors: ProcessorTime.processorCount,
                payloadBytes: configuration.payloadBytes, secondsPerRate: configuration.seconds,
                directory: configuration.directory, diskBytesPerSecond: look.directory?.bytesPerSecond,
                freeDiskBytes: look.directory?.freeBytes, zstdBytesPerSecond: zstd.bytesPerSecond,
                zstdRatio: zstd.ratio, climbs: climbs)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Runs long work on a thread outside the async pool, so that signals are handled meanwhile.
    ///
    /// - Parameter body: must check `isOver` often; true once the task is cancelled.
    private static func onThread<Result: Sendable>(
        _ body: @escaping @Sendable (_ isOver: () -> Bool) throws -> Result
    ) async throws -> Result {
        let isOver = Atomic(false)
        let result = try await withTaskCancellationHandler {
            try await NIOThreadPool.singleton.runIfActive { try body { isOver.load(ordering: .relaxed) } }
        } onCancel: {
            isOver.store(true, ordering: .relaxed)
        }
        try Task.checkCancellation()
        return result
    }

    /// Removes the bench's key from Redis, if Redis answers, and closes the connection.
    private static func leave(_ publisher: BenchPublisher, _ channel: String) async {
        let late = Task {
            try await Task.sleep(for: patience)
            await publisher.client.close()
        }
        defer { late.cancel() }
        _ = try? await publisher.client.send(["DEL", .text(channel)])
        await publisher.client.close()
    }

    private func climb(
        _ name: String, _ compression: Compression, redis: RedisConfiguration, channel: String, directory: String,
        publisher: BenchPublisher, disk: Double?
    ) async throws -> BenchReport.Climb {
        try await BenchRelay.with(
            configuration, redis: redis, channel: channel, directory: directory, compression: compression,
            logger: logger
        ) { relay in
            // One-time work at the first envelope must not count.
            let warm = try await publisher.publish(perSecond: 1_000, seconds: 0.2)
            _ = try await relay.settled(after: warm.envelopes, since: RelayFigures())
            var ladder = BenchLadder(highest: configuration.highestRate)
            var steps: [BenchReport.Step] = []
            while let rate = ladder.rate(after: steps.last) {
                onStep("compression \(name), \(rate)/s")
                steps.append(try await step(rate, relay: relay, publisher: publisher))
            }
            let limit = steps.last.map { BenchLadder.limit(of: $0, diskBytesPerSecond: disk) } ?? .none
            return BenchReport.Climb(compression: name, steps: steps, limit: limit)
        }
    }

    private func step(_ rate: Int, relay: BenchRelay, publisher: BenchPublisher) async throws -> BenchReport.Step {
        let before = try await relay.figures()
        let machineBefore = ProcessorTime.ofMachine()
        let redisBefore = await Self.redisProcessorSeconds(publisher.client)
        let processorBefore = SystemClock.processSeconds()
        let published = try await publisher.publish(perSecond: rate, seconds: configuration.seconds)
        let redisAfter = await Self.redisProcessorSeconds(publisher.client)
        let machineAfter = ProcessorTime.ofMachine()
        let (after, behind) = try await relay.settled(after: published.envelopes, since: before)
        let relaySeconds = SystemClock.processSeconds() - processorBefore - published.processorSeconds

        let received = max(1, after.received - before.received)
        let written = Double(after.writtenBytes - before.writtenBytes)
        var busy = 0.0
        if let machineBefore, let machineAfter, machineAfter.total > machineBefore.total {
            busy = (machineAfter.busy - machineBefore.busy) / (machineAfter.total - machineBefore.total)
        }
        let recorded = after.recorded - before.recorded
        return BenchReport.Step(
            asked: rate, published: Double(published.envelopes) / published.seconds, envelopes: published.envelopes,
            recorded: recorded, lost: max(0, published.envelopes - recorded), behindSeconds: behind,
            microsecondsPerEnvelope: relaySeconds * 1e6 / Double(received),
            relayProcessors: relaySeconds / (published.seconds + behind),
            latencyP50Seconds: after.latency(share: 0.5, since: before),
            latencyP99Seconds: after.latency(share: 0.99, since: before),
            writtenBytesPerSecond: written / (published.seconds + behind),
            compressionRatio: Double(after.recordedBytes - before.recordedBytes) / max(1, written),
            redisProcessors: redisBefore.flatMap { before in
                redisAfter.map { ($0 - before) / published.seconds }
            },
            machineBusy: busy)
    }

    /// nil if unavailable.
    private static func redisProcessorSeconds(_ client: RedisClient) async -> Double? {
        guard let text = try? await client.send(["INFO", "cpu"]).text else { return nil }
        var seconds: Double?
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":")
            guard parts.count == 2, ["used_cpu_sys", "used_cpu_user"].contains(parts[0]) else { continue }
            if let value = Double(parts[1]) { seconds = (seconds ?? 0) + value }
        }
        return seconds
    }
}

/// Chooses the next rate, and determines the limiting factor. Pure.
struct BenchLadder {
    /// Envelopes per second.
    private static let first = 5_000

    let highest: Int
    private var next = 0

    init(highest: Int) {
        self.highest = highest
        next = min(Self.first, highest)
    }

    /// The next rate to try.
    ///
    /// - Parameter step: the last one; nil at the start.
    /// - Returns: nil at the maximum, or if the last rate was too high.
    mutating func rate(after step: BenchReport.Step?) -> Int? {
        if let step, !step.keptUp || !step.reached || step.asked >= highest { return nil }
        defer { next = min(highest, Self.risen(from: next)) }
        return next
    }

    /// 5, 10, 20, 50, 100...
    private static func risen(from rate: Int) -> Int {
        let isTwo = String(rate).hasPrefix("2")
        return isTwo ? rate / 2 * 5 : rate * 2
    }

    /// The limiting factor of the last step.
    ///
    /// - Parameter diskBytesPerSecond: maximum throughput of the disk; nil if unknown.
    static func limit(of step: BenchReport.Step, diskBytesPerSecond: Double?) -> BenchReport.Limit {
        if !step.keptUp {
            // Other writers, and syncs in between, use part of the disk.
            if let disk = diskBytesPerSecond, step.writtenBytesPerSecond > 0.6 * disk { return .disk }
            return .processor
        }
        if step.reached { return .none }
        if let redis = step.redisProcessors, redis > 0.85 { return .redis }
        return step.machineBusy > 0.9 ? .processor : .connection
    }
}

/// CPU time, user and system, in seconds.
enum ProcessorTime {
    /// Of all processors of this machine, for a share; nil if unavailable.
    static func ofMachine() -> (busy: Double, total: Double)? {
        guard let file = fopen("/proc/stat", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // cpu user nice system idle iowait irq softirq steal ...; guest time is included in user.
        let fields = text.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0.filter(\.isNumber)) }
        guard fields.count >= 5 else { return nil }
        let total = fields.reduce(0, +)
        return (total - fields[3] - fields[4], total)
    }

    static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}

/// The configuration of a bench.
package struct BenchConfiguration: Sendable {
    /// The smallest payload: a hub message with its ids needs most of it.
    package static let smallestPayload = 200
    /// The largest payload; hub messages that users wait for are far smaller.
    package static let largestPayload = 1 << 20

    /// nil starts a redis-server.
    package var redis: RedisConfiguration?
    /// Size of an envelope including its id, give or take the digits of the id.
    package var payloadBytes: Int
    /// How long each rate is held.
    package var seconds: Double
    /// The highest rate to try, in envelopes per second.
    package var highestRate: Int
    /// An existing directory on the disk for the capture; a new one is created in it and removed.
    package var directory: String
    /// The relay's version, for the capture.
    package var version: String
    /// Name of this machine, for the capture.
    package var hostName: String

    /// - Precondition: `payloadBytes` is in ``smallestPayload``...``largestPayload``; `seconds` and `highestRate` are
    ///   above 0.
    package init(
        redis: RedisConfiguration? = nil, payloadBytes: Int = 200, seconds: Double = 5, highestRate: Int = 1_000_000,
        directory: String, version: String, hostName: String
    ) {
        precondition((Self.smallestPayload...Self.largestPayload).contains(payloadBytes))
        precondition(seconds > 0 && highestRate > 0)
        self.redis = redis
        self.payloadBytes = payloadBytes
        self.seconds = seconds
        self.highestRate = highestRate
        self.directory = directory
        self.version = version
        self.hostName = hostName
    }
}
