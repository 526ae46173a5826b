import Capture
import NIOCore
import Redis

/// Determines the databases of several counters on one channel.
///
/// Uses a short separate connection: selecting another database on a shared one would affect its other users.
struct CounterCensus: Sendable {
    /// Time limit of a query; an event without an answer by then is recorded without it.
    private static let patience = Duration.seconds(3)
    private static let maximumDatabases = 64

    private enum Question: Sendable {
        /// The databases of the counters.
        case places(channel: Int, counters: Int, withdraws: [CaptureEvent.Withdrawn])
        /// Whether a jump of ids is another counter's turn.
        case jump(CaptureEvent.Withdrawn, channel: Int)
    }

    private let redis: RedisConfiguration
    private let channels: [String]
    private let eventLoopGroup: any EventLoopGroup
    private let answer: @Sendable (RecorderCommand) -> Void
    private let questions: AsyncStream<Question>
    private let continuation: AsyncStream<Question>.Continuation

    /// - Parameter answer: receives an `interleaved` event for each question about places, and each jump that is a
    ///   turn.
    init(
        redis: RedisConfiguration, channels: [String], eventLoopGroup: any EventLoopGroup,
        answer: @escaping @Sendable (RecorderCommand) -> Void
    ) {
        self.redis = redis
        self.channels = channels
        self.eventLoopGroup = eventLoopGroup
        self.answer = answer
        (questions, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(channels.count * 8))
    }

    /// Thread-safe, does not block.
    ///
    /// - Parameter withdraws: for the event.
    func ask(channel: Int, counters: Int, withdraws: [CaptureEvent.Withdrawn]) {
        continuation.yield(.places(channel: channel, counters: counters, withdraws: withdraws))
    }

    /// Whether a counter is at each end of the jump; as above.
    func ask(_ jump: CaptureEvent.Withdrawn, channel: Int) {
        continuation.yield(.jump(jump, channel: channel))
    }

    /// Runs until the task is cancelled.
    func run() async {
        for await question in questions {
            switch question {
            case .places(let channel, let counters, let withdraws):
                let databases = await databases(of: channels[channel])
                // Fewer than were observed: a counter is elsewhere, for example on another server that forwards.
                let isWhole = databases.map { $0.count >= counters } ?? false
                answer(
                    .note(
                        .interleaved(
                            channel: channels[channel], counters: counters, databases: isWhole ? databases : nil,
                            withdraws: withdraws)))
            case .jump(let jump, let channel):
                guard let databases = await databases(of: channels[channel]), Self.explain(jump, databases)
                else { continue }
                answer(.areCounters(jump, channel: channel))
            }
        }
    }

    /// Whether counters are at both ends of the jump: then none was set back, and none skipped ids.
    ///
    /// - Parameter databases: the counters, by database.
    static func explain(_ jump: CaptureEvent.Withdrawn, _ databases: [Int: UInt64]) -> Bool {
        let ends: [UInt64]
        switch jump.event {
        case "counter_reset": ends = [jump.from, jump.to]
        case "gap" where jump.from > 0 && jump.to < .max: ends = [jump.from - 1, jump.to + 1]
        default: return false
        }
        return ends.allSatisfy(databases.values.contains)
    }

    /// The counters' values by database; nil if one of them cannot be read.
    private func databases(of channel: String) async -> [Int: UInt64]? {
        await withTaskGroup(of: [Int: UInt64]?.self) { group in
            group.addTask { try? await read(channel) }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    private func read(_ channel: String) async throws -> [Int: UInt64]? {
        var redis = redis
        redis.clientName += "-census"
        let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
        return try await withTaskCancellationHandler {
            do {
                let found = try await read(channel, through: client)
                await client.close()
                return found
            } catch {
                await client.close()
                throw error
            }
        } onCancel: {
            Task { await client.close() }
        }
    }

    private func read(_ channel: String, through client: RedisClient) async throws -> [Int: UInt64]? {
        guard let info = try await client.send(["INFO", "keyspace"]).text else { return nil }
        let databases = Self.databases(in: info)
        guard databases.count <= Self.maximumDatabases else { return nil }
        var counters: [Int: UInt64] = [:]
        for database in databases {
            _ = try await client.send(["SELECT", "\(database)"])
            let reply = try await client.send(["GET", .text(channel)])
            if let id = reply.text.flatMap({ UInt64($0) }) { counters[database] = id }
        }
        return counters
    }

    /// The databases that contain keys, from `INFO keyspace`: `db0:keys=1,expires=0,avg_ttl=0`.
    static func databases(in info: String) -> [Int] {
        info.split(whereSeparator: \.isNewline).compactMap { line in
            guard line.hasPrefix("db"), let colon = line.firstIndex(of: ":") else { return nil }
            return Int(line[line.index(line.startIndex, offsetBy: 2)..<colon])
        }
    }
}
