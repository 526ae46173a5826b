import Capture
import Logging
import Redis
import Time

/// Looks at the subscribers of the server: who they are, and what waits for them.
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

    /// A new connection may be permitted what the one before was not.
    mutating func connected() { isPermitted = true }

    /// Asks, if it is time to.
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
                        "the subscribers are not looked at: to list so many clients would hold Redis up",
                        metadata: ["clients": "\(clients ?? 0)", "limit": "\(ClientListPace.mostClients)"])
                }
                forget()
                return
            }
            let reply = try await client.send(["CLIENT", "LIST", "TYPE", "pubsub"])
            let answered = Moment.now().monotonic
            // What the way there and back takes is in both.
            let cost = (answered - counted) - min(answered - counted, clients == nil ? 0 : counted - start)
            let before = pace.interval
            pace.answered(in: cost, at: answered)
            if pace.interval > before {
                logger.info(
                    "Redis takes long to list its subscribers; they are looked at less often",
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
            // Such as while it loads: the next round may find another answer.
            forget()
        }
    }

    /// There is nobody to ask.
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
