import Logging
import NIOCore
import Redis
import Time

/// A connection to the master of the replica subscribed to, for what only the master can answer: nodes subscribe there.
///
/// If it cannot be reached or refuses the login, this is logged once and retried slowly.
struct MasterLine {
    /// Time between two attempts, in nanoseconds.
    private static let pause: UInt64 = 30_000_000_000

    private let search: MasterSearch
    private let logger: Logger
    private var client: RedisClient?
    private var retryAt: UInt64 = 0
    private var lastReason = LastReason()

    /// - Parameter redis: as configured; the master gets the same login.
    init(redis: RedisConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        search = MasterSearch(redis, eventLoopGroup: eventLoopGroup)
        self.logger = logger
    }

    /// The connection; nil while the master cannot be asked.
    ///
    /// - Parameter replica: the connection to the replica.
    /// - Throws: `RedisError` if the connection to the replica has failed; `CancellationError`.
    mutating func client(ofMasterOf replica: RedisClient) async throws -> RedisClient? {
        if let client { return client }
        let now = Moment.now().monotonic
        guard now >= retryAt else { return nil }
        do {
            let client = try await search.connect(toMasterOf: replica)
            self.client = client
            logger.notice(
                "subscribers and counters are queried at the master of the replica",
                metadata: ["redis": "\(replica.endpoint)", "master": "\(client.endpoint)"])
            lastReason.clear()
            return client
        } catch let error as RedisError {
            guard error.isMasterAway else { throw error }
            retryAt = Moment.now().monotonic + Self.pause
            if lastReason.changes(to: error.description) {
                logger.warning(
                    "the master of the replica cannot be queried: its nodes are not counted, and the counters are those of the replica",
                    metadata: ["cause": "\(error)"])
            }
            return nil
        }
    }

    /// The connection has failed, or the master is another one now.
    mutating func close() async {
        await client?.close()
        client = nil
        retryAt = 0
    }
}
