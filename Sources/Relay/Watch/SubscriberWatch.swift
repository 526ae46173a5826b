import Capture
import Logging
import NIOConcurrencyHelpers
import Prometheus
import Redis
import Time

/// Lists the subscribers of the server, and the data waiting for them.
struct SubscriberWatch {
    private let metrics: SubscriberMetrics
    private let logger: Logger
    private var pace = ClientListPace()
    private var table = SubscriberTable()
    private var returns = SubscriberReturns()
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
            let subscribers = lines.compactMap { SubscriberClient(line: String($0)) }
            table.look(subscribers, at: answered)
            // Not as an argument: `tell` would run on a copy of `self` made before `look`.
            let returned = returns.look(subscribers, of: client.endpoint, at: answered)
            tell(returned)
            metrics.show(table, interval: pace.interval)
        } catch let error as RedisError where error.isRefusalOfCommand {
            isPermitted = false
            forget()
        } catch let error as RedisError where error.concernsOneAnswer {
            // For example while it is loading: the next round may get another answer.
            forget()
        }
    }

    /// Redis does not answer.
    mutating func forget() {
        table = SubscriberTable()
        returns.interrupted()
        metrics.forget(isSuspended: pace.isSuspended)
    }

    private func tell(_ returned: [SubscriberReturns.Return]) {
        metrics.count(returned, of: returns.keys)
        for node in returned {
            logger.warning(
                "a node was not subscribed for a while and missed what was published meanwhile: its connection broke, or its process was restarted",
                metadata: [
                    "name": "\(node.key.name)", "ip": "\(node.key.address)", "connections": "\(node.connections)",
                    "seconds_at_most": "\(node.awayAtMost / 1_000_000_000 + 1)",
                ])
        }
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

/// Metrics of the server's subscribers, also shown on the live page.
package struct SubscriberMetrics: Sendable {
    private static let labels = ["name", "ip"]

    private let connections: Family<Gauge>
    private let waiting: Family<Gauge>
    private let memory: Family<Gauge>
    private let slow: Family<Gauge>
    private let interval: Gauge
    private let reconnects: Family<Counter>
    private let counted = NIOLockedValueBox<Set<SubscriberTable.Key>>([])
    private let shown = NIOLockedValueBox<SubscriberTable?>(nil)

    init(_ registry: Registry) {
        connections = registry.gaugeFamily(
            "signalr_backplane_subscriber_connections",
            help:
                "Subscribed connections of this Redis, on any channel, by client name and address; 0 for ten minutes after the last one has gone.",
            labels: Self.labels)
        waiting = registry.gaugeFamily(
            "signalr_backplane_subscriber_output_buffer_bytes",
            help:
                "Bytes waiting in Redis for the subscriber (CLIENT LIST, omem), the highest of its connections. 0 until the socket buffers are full, which takes a few megabytes.",
            labels: Self.labels)
        memory = registry.gaugeFamily(
            "signalr_backplane_subscriber_memory_bytes",
            help: "Memory that Redis keeps for the subscriber's connections (CLIENT LIST, tot-mem).",
            labels: Self.labels)
        slow = registry.gaugeFamily(
            "signalr_backplane_subscriber_slow",
            help:
                "1 while 1 MiB or more waits for the subscriber in two checks 5 s apart: it reads too slowly or not at all. Detected late: the kernel buffers a few megabytes before Redis does.",
            labels: Self.labels)
        reconnects = registry.counterFamily(
            "signalr_backplane_subscriber_reconnects_total",
            help:
                "Subscribing connections of a node that replaced earlier ones, by client name and address. The node missed what was published in between, at most since the earlier connection was last listed: its connection broke, or its process was restarted. Only for clients with a name.",
            labels: Self.labels, limit: ChildLimit(maximumChildren: SubscriberReturns.limit))
        interval = registry.gauge(
            "backplane_relay_subscriber_poll_interval_seconds",
            help:
                "Interval between listings of the subscribers; 0 while they are not listed because Redis has too many clients."
        )
    }

    /// - Parameter nanoseconds: interval between two listings.
    func show(_ table: SubscriberTable, interval nanoseconds: UInt64) {
        let before = shown.withLockedValue { shown in
            defer { shown = table }
            return shown?.rows ?? [:]
        }
        for key in before.keys where table.rows[key] == nil { remove(key) }
        for (key, row) in table.rows {
            connections.with(key.name, key.address).set(Double(row.connections))
            waiting.with(key.name, key.address).set(Double(row.waiting))
            slow.with(key.name, key.address).set(row.isSlow ? 1 : 0)
            if let bytes = row.memory {
                memory.with(key.name, key.address).set(Double(bytes))
            } else {
                memory.remove(key.name, key.address)
            }
        }
        interval.set(Double(nanoseconds) * 1e-9)
    }

    /// - Parameter keys: all known nodes; the others were forgotten.
    func count(_ returned: [SubscriberReturns.Return], of keys: Set<SubscriberTable.Key>) {
        let gone = counted.withLockedValue { counted in
            defer { counted = keys }
            return counted.subtracting(keys)
        }
        for key in gone { reconnects.remove(key.name, key.address) }
        for key in keys { _ = reconnects.with(key.name, key.address) }
        for node in returned { reconnects.with(node.key.name, node.key.address).increment(by: node.connections) }
    }

    /// Redis does not answer, or must not be asked.
    func forget(isSuspended: Bool) {
        let before = shown.withLockedValue { shown in
            defer { shown = nil }
            return shown?.rows ?? [:]
        }
        for key in before.keys { remove(key) }
        if isSuspended { interval.set(0) }
    }

    /// The latest listing; nil if unknown.
    package var table: SubscriberTable? { shown.withLockedValue { $0 } }

    private func remove(_ key: SubscriberTable.Key) {
        for family in [connections, waiting, memory, slow] { family.remove(key.name, key.address) }
    }
}
