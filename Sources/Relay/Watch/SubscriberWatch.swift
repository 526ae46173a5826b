import Capture
import Logging
import Redis
import Time

/// Lists the subscribers of the server, and the data waiting for them.
struct SubscriberWatch {
    private let metrics: SubscriberMetrics
    private let logger: Logger
    private var pace = ClientListPace()
    private var table = SubscriberTable()
    private var isPermitted = true

    init(metrics: SubscriberMetrics, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
    }

    /// A new connection may have other permissions.
    mutating func connected() { isPermitted = true }

    /// Queries, if due.
    ///
    /// - Throws: `RedisError` if the connection has failed.
    mutating func look(_ client: RedisClient) async throws {
        let start = Moment.now().monotonic
        guard isPermitted, pace.isDue(at: start) else { return }
        do {
            let clients = try await connectedClients(client)
            let counted = Moment.now().monotonic
            let wasSuspended = pace.isSuspended
            guard pace.admits(clients: clients, at: counted) else {
                if !wasSuspended {
                    logger.notice(
                        "the subscribers are not listed: Redis has so many clients that listing them would block it",
                        metadata: ["clients": "\(clients ?? 0)", "limit": "\(ClientListPace.mostClients)"])
                }
                forget()
                return
            }
            let reply = try await client.send(["CLIENT", "LIST", "TYPE", "pubsub"])
            let answered = Moment.now().monotonic
            // Both include the network round trip.
            let cost = (answered - counted) - min(answered - counted, clients == nil ? 0 : counted - start)
            let before = pace.interval
            pace.answered(in: cost, at: answered)
            if pace.interval > before {
                logger.info(
                    "Redis takes long to list its subscribers; they are listed less often",
                    metadata: [
                        "milliseconds": "\(cost / 1_000_000)", "seconds between": "\(pace.interval / 1_000_000_000)",
                    ])
            }
            let lines = (reply.text ?? "").split(whereSeparator: \.isNewline)
            table.look(lines.lazy.compactMap { SubscriberClient(line: String($0)) }, at: answered)
            metrics.show(table, interval: pace.interval)
        } catch let error as RedisError where error.isRefusalOfCommand {
            isPermitted = false
            forget()
        } catch RedisError.serverError {
            // For example while it is loading: the next round may get another answer.
            forget()
        }
    }

    /// Redis does not answer.
    mutating func forget() {
        table = SubscriberTable()
        metrics.forget(isSuspended: pace.isSuspended)
    }

    /// - Returns: nil if INFO is not permitted.
    private func connectedClients(_ client: RedisClient) async throws -> Int? {
        do {
            let text = try await client.send(["INFO", "clients"]).text
            return text.flatMap { InfoFields($0)["connected_clients"] }.flatMap { Int($0) }
        } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }
}

/// Decides when `CLIENT LIST` may be used, whose cost in Redis grows with the number of clients. Times are nanoseconds
/// on the monotonic clock.
struct ClientListPace: Sendable, Equatable {
    static let shortest: UInt64 = 5_000_000_000
    static let longest: UInt64 = 300_000_000_000
    /// A slower reply delays the next query.
    static let quick: UInt64 = 10_000_000
    /// With more clients it is not used at all.
    static let mostClients = 10_000
    /// Interval of checking whether there are fewer clients.
    static let recount: UInt64 = 60_000_000_000

    /// Interval between two queries.
    private(set) var interval = shortest
    /// True while there are too many clients.
    private(set) var isSuspended = false
    private var dueAt: UInt64 = 0

    /// Whether to count the clients, and to query if they are few enough.
    func isDue(at now: UInt64) -> Bool { now >= dueAt }

    /// - Parameter clients: of the server; nil if unknown.
    /// - Returns: whether to query.
    mutating func admits(clients: Int?, at now: UInt64) -> Bool {
        isSuspended = (clients ?? 0) > Self.mostClients
        if isSuspended { dueAt = now + Self.recount }
        return !isSuspended
    }

    /// - Parameter duration: the cost for the server, as far as visible from here.
    mutating func answered(in duration: UInt64, at now: UInt64) {
        interval = duration > Self.quick ? min(interval * 2, Self.longest) : max(interval / 2, Self.shortest)
        // Slightly earlier, so that a caller that polls every 5 s does not miss a whole round.
        dueAt = now + interval - interval / 10
    }
}
