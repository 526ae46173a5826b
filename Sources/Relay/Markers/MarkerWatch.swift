import Capture
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Preflight
import Redis

/// Publishes markers on a channel of its own, so that the server's count of PUBLISHes can be compared with what the
/// subscription receives: see ``MarkerAccount``.
///
/// Publishes into the watched Redis; runs only on request. Without the permissions it logs that once and tries again
/// every minute; the relay runs without markers.
final class MarkerWatch: Sendable {
    private enum Message: Sendable {
        case stream(MarkerSink.Event)
        case answered(UInt64, MarkerReading)
        case failed(UInt64)
    }

    private static let retryDelay = Duration.seconds(5)
    /// The delay after a refusal.
    private static let refusedDelay = Duration.seconds(60)

    /// Far more than ever wait: there are a few for each marker.
    private static let mostMessages = 10_000

    private let redis: RedisConfiguration
    private let interval: Duration
    private let metrics: MarkerMetrics
    private let intake: Intake
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let name: SubscribedName
    /// Whether a failure was logged since the last comparison.
    private let hasFailed = NIOLockedValueBox(false)
    private let messages: AsyncStream<Message>
    private let inbox: AsyncStream<Message>.Continuation
    /// Ends the publisher's pause early: there is a new subscription.
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// - Returns: nil if nothing is to be published.
    init?(_ parts: RelayParts, eventLoopGroup: any EventLoopGroup) {
        guard let interval = parts.configuration.markerInterval, let metrics = parts.markers else { return nil }
        var redis = parts.configuration.redis
        redis.clientName += "-markers"
        self.redis = redis
        self.interval = interval
        self.metrics = metrics
        self.eventLoopGroup = eventLoopGroup
        intake = parts.intake
        logger = parts.context.logger
        name = SubscribedName(aside: MarkerChannel.random())
        (messages, inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostMessages))
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Receives from the subscription, and forwards everything to the intake.
    var sink: any EnvelopeSink { MarkerSink(before: intake) { [inbox] in inbox.yield(.stream($0)) } }

    /// Runs until the task is cancelled.
    ///
    /// - Parameter subscriber: delivers to ``sink``; the marker channel is added to its names.
    func run(_ subscriber: RedisSubscriber) async {
        await withTaskGroup { group in
            group.addTask { await self.follow(subscriber) }
            group.addTask { await self.publish() }
        }
    }

    // MARK: - Comparing

    private func follow(_ subscriber: RedisSubscriber) async {
        var account = MarkerAccount()
        var unseen: Int?
        for await message in messages {
            switch message {
            case .stream(.subscribed):
                // After each connect, not with the other names: a refusal of this one would refuse them all.
                switch await subscriber.add([name]) {
                case .refused(let reason): logFailure(reason)
                case .confirmed, .later: wake.yield()
                }
            case .stream(.interrupted):
                account.interrupted()
                await subscriber.remove([name.key])
            case .stream(.marker(let payload, let received)):
                guard let number = MarkerChannel.number(payload) else { break }
                tell(account.seen(number, received: received), &unseen)
            case .answered(let number, let reading): tell(account.answered(number, reading), &unseen)
            case .failed(let number): account.failed(number)
            }
        }
    }

    /// - Parameter before: unseen PUBLISHes of the last interval without an interruption.
    private func tell(_ outcome: MarkerAccount.Outcome?, _ before: inout Int?) {
        guard let outcome else { return }
        hasFailed.withLockedValue { $0 = false }
        switch outcome {
        case .began: metrics.began()
        case .void(let reason):
            metrics.void(reason)
            logger.warning(
                reason == .countsReset
                    ? "the server's counts were reset between two markers: how many envelopes it published meanwhile is unknown"
                    : "the server changed between two markers, by a restart or a failover: how many envelopes were published meanwhile is unknown"
            )
        case .counted(let interval):
            metrics.count(interval)
            guard interval.isInterrupted else {
                before = interval.unseen
                return
            }
            intake.command(.note(.unseen(envelopes: interval.unseen)))
            logger.log(
                level: interval.unseen == 0 ? .notice : .warning,
                interval.unseen == 0
                    ? "the subscription was interrupted between two markers; nothing is missing, according to the server's count"
                    : "the subscription was interrupted between two markers: at most this many envelopes are missing; messages on channels that are not watched are included",
                metadata: [
                    "missing_at_most": "\(interval.unseen)", "published": "\(interval.published)",
                    "received": "\(interval.received)",
                    "unseen_in_interval_before": "\(before.map { "\($0)" } ?? "unknown")",
                ])
        }
    }

    // MARK: - Publishing

    private func publish() async {
        var number: UInt64 = 0
        var wakes = wakes.makeAsyncIterator()
        while !Task.isCancelled {
            var delay = Self.retryDelay
            do {
                // A replica does not pass on what is published at it.
                let client = try await MasterSearch(redis, eventLoopGroup: eventLoopGroup).connect()
                do {
                    // Each node of a cluster counts only its own PUBLISHes.
                    if client.answersForCluster { throw RedisError.clusterMode(endpoint: client.endpoint) }
                    try await withTaskCancellationHandler {
                        while !Task.isCancelled {
                            number += 1
                            let reading = try await self.publish(number, client)
                            inbox.yield(.answered(number, reading))
                            await pause(interval, &wakes)
                        }
                    } onCancel: {
                        // A server that does not answer must not delay the stop.
                        Task { await client.close() }
                    }
                    await client.close()
                } catch {
                    inbox.yield(.failed(number))
                    await client.close()
                    throw error
                }
            } catch is CancellationError {
                return
            } catch {
                // The cancellation handler has closed the connection.
                if Task.isCancelled { return }
                if (error as? RedisError)?.isRefusalOfCommand == true { delay = Self.refusedDelay }
                logFailure("\(error)")
                // On cancellation the loop condition ends it.
                try? await Task.sleep(for: delay)
            }
        }
    }

    private func publish(_ number: UInt64, _ client: RedisClient) async throws -> MarkerReading {
        let replies = try await client.transaction(MarkerChannel.commands(number, on: name.key.name))
        return try MarkerReading(replies, endpoint: client.endpoint)
    }

    private func pause(_ time: Duration, _ wakes: inout AsyncStream<Void>.Iterator) async {
        let timer = Task { [wake] in
            try? await Task.sleep(for: time)
            if !Task.isCancelled { wake.yield() }
        }
        _ = await wakes.next()
        timer.cancel()
    }

    /// Logs once, until a comparison succeeds.
    private func logFailure(_ cause: String) {
        let isNews = hasFailed.withLockedValue { failed in
            defer { failed = true }
            return !failed
        }
        guard isNews else { return }
        logger.warning(
            "what the server publishes cannot be counted by markers; the relay runs without them and tries again",
            metadata: ["cause": "\(cause)"])
    }
}

extension MarkerReading {
    /// - Parameter replies: of ``MarkerChannel/commands(_:on:)``.
    /// - Throws: ``RedisError``, also if the server is a replica now.
    init(_ replies: [RESPValue], endpoint: String) throws {
        for reply in replies {
            guard case .error(let text) = reply else { continue }
            throw RedisError.from(reply: text, command: "EXEC", endpoint: endpoint)
        }
        guard let counts = replies[2].text else {
            throw RedisError.unexpectedReply(command: "INFO", reply: "no text")
        }
        let report = replies[1].text.flatMap { ReplicationReport(info: $0) }
        if report?.isReplica == true { throw RedisError.replica(endpoint: endpoint, master: report?.master) }
        let server = replies[0].text.flatMap { InfoFields($0)["run_id"] } ?? ""
        self.init(server: server, commandStatistics: counts)
        guard calls["info"] != nil || calls["publish"] != nil else {
            throw RedisError.unexpectedReply(command: "INFO commandstats", reply: "no counts of commands")
        }
    }

    /// - Parameter text: the reply to `INFO commandstats`.
    init(server: String, commandStatistics text: String) {
        self.server = server
        calls = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            // cmdstat_publish:calls=3,usec=5,...
            guard line.hasPrefix("cmdstat_"), let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].dropFirst("cmdstat_".count)
            let value = line[colon...].dropFirst().prefix { $0 != "," }
            guard value.hasPrefix("calls="), let count = Int(value.dropFirst("calls=".count)) else { continue }
            calls[String(name)] = count
        }
    }
}
