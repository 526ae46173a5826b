package import Logging
import NIOConcurrencyHelpers
package import NIOCore
package import Prometheus

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Limits the number of a server's connections: a new one is always accepted while another is only waiting.
package final class ConnectionGate: Sendable {
    /// Why the server closed a connection.
    package enum Reason: String, CaseIterable, Sendable {
        /// Replaced by a new one.
        case crowded
        /// New, while all others were in use.
        case refused
        /// Its request, or reading the response, took too long.
        case slow
        /// Its header was too large, or it was not HTTP.
        case malformed
    }

    private struct State {
        var table: ConnectionTable
        var closers: [UInt64: @Sendable () -> Void] = [:]
    }

    private let limit: Int
    private let state: NIOLockedValueBox<State>
    private let logger: Logger
    private let open: Gauge
    private let closed: [Reason: Counter]

    /// - Parameter registry: for its metrics.
    package init(limits: HTTPLimits, registry: Registry, logger: Logger) {
        limit = limits.connections
        state = NIOLockedValueBox(
            State(
                table: ConnectionTable(
                    limit: limits.connections, stall: limits.stall.map { UInt64($0.nanoseconds) })))
        self.logger = logger
        open = registry.gauge(
            "backplane_relay_http_connections",
            help: "Open connections to this HTTP surface, scrapes included.")
        let family = registry.counterFamily(
            "backplane_relay_http_connections_closed_total",
            help:
                "HTTP connections closed by the server. crowded: it waited longest without a complete request, and a new one needed its place; refused: it was new while all others were in use; slow: its request, or reading the response, took too long; malformed: header too large, or not HTTP.",
            labels: ["reason"])
        closed = Dictionary(uniqueKeysWithValues: Reason.allCases.map { ($0, family.with($0.rawValue)) })
    }

    /// - Parameter close: called from any thread if another connection replaces it.
    /// - Returns: nil if all connections are in use.
    func enter(at now: NIODeadline, close: @escaping @Sendable () -> Void) -> UInt64? {
        let (id, victim) = state.withLockedValue { state -> (UInt64?, (@Sendable () -> Void)?) in
            defer { open.set(Double(state.table.count)) }
            switch state.table.open(at: now.uptimeNanoseconds) {
            case .admitted(let id):
                state.closers[id] = close
                return (id, nil)
            case .replacing(let old, by: let id):
                state.closers[id] = close
                return (id, state.closers.removeValue(forKey: old))
            case .refused:
                return (nil, nil)
            }
        }
        if let victim {
            count(.crowded)
            logger.warning(
                "too many HTTP connections: the one that waited longest for its request was closed",
                metadata: ["limit": "\(limit)"])
            victim()
        } else if id == nil {
            count(.refused)
            logger.warning(
                "too many HTTP connections, all in use: a new one was closed", metadata: ["limit": "\(limit)"])
        }
        return id
    }

    func step(_ id: UInt64, to phase: ConnectionTable.Phase, at now: NIODeadline) {
        state.withLockedValue { $0.table.step(id, to: phase, at: now.uptimeNanoseconds) }
    }

    func leave(_ id: UInt64) {
        state.withLockedValue { state in
            state.table.close(id)
            state.closers[id] = nil
            open.set(Double(state.table.count))
        }
    }

    func count(_ reason: Reason) { closed[reason]?.increment() }
}

/// Limits for HTTP clients of a server.
package struct HTTPLimits: Sendable {
    /// At the same time, over all clients.
    package var connections = 100
    /// A response without progress for this long is closed for a new connection if there are too many; nil: never.
    package var stall: TimeAmount? = .seconds(5)
    /// From the connection, or a request's first byte, to the end of its header; the first one includes the TLS
    /// handshake.
    package var header = TimeAmount.seconds(10)
    /// From the end of the header to the request's last byte.
    package var body = TimeAmount.seconds(10)
    /// From a request's last byte until its response is written; for a streaming response, until the next piece. nil:
    /// unlimited.
    package var response: TimeAmount? = .seconds(30)
    /// Between two requests.
    package var idle = TimeAmount.seconds(120)
    /// For a response in progress when the server stops.
    package var farewell = TimeAmount.seconds(1)
    /// For a refused client to read the reason.
    package var linger = TimeAmount.seconds(1)
    /// All header fields of a request, and each of them.
    package var headerBytes = 16 * 1024
    /// Fields in the header of a request.
    package var headerFields = 100
    /// How much of a request is read and discarded if it was answered early.
    package var unreadBytes = 256 * 1024

    /// The kernel's queue of connections not yet accepted; they are accepted immediately, so it only fills in bursts.
    package static let backlog = 1024

    /// The default of each limit, for a server that people and Prometheus use.
    package init() {}
}

/// Decides which connection is closed for a new one when there are too many. Pure.
///
/// The one that has waited longest without a complete request goes first: a real client sends its request long before.
/// Times are nanoseconds of a monotonic clock.
package struct ConnectionTable: Sendable {
    /// What a connection is doing.
    package enum Phase: Int, Sendable {
        /// There is no complete request: nothing or only a part was received, or the previous response has been read.
        case waiting
        /// A complete request was received, and its response is not written yet.
        case answering
    }

    /// What becomes of a new connection.
    package enum Admission: Equatable, Sendable {
        case admitted(UInt64)
        /// Replaces another one, which must be closed.
        case replacing(UInt64, by: UInt64)
        /// All are in use.
        case refused
    }

    private struct Entry {
        var phase: Phase
        /// Time of the last progress.
        var since: UInt64
        var older: UInt64?
        var newer: UInt64?
    }

    /// Entries of one phase, oldest first.
    private struct Line {
        var oldest: UInt64?
        var newest: UInt64?
    }

    /// Maximum number at the same time.
    private let limit: Int
    /// A response without progress for this long may be replaced too; nil: never.
    private let stall: UInt64?
    private var entries: [UInt64: Entry] = [:]
    private var lines = [Line(), Line()]
    private var next: UInt64 = 0

    /// - Parameters:
    ///   - limit: connections at the same time, at least 1.
    ///   - stall: nanoseconds without progress after which a response in progress may be closed; nil: never.
    package init(limit: Int, stall: UInt64?) {
        precondition(limit > 0)
        self.limit = limit
        self.stall = stall
    }

    /// Open connections.
    package var count: Int { entries.count }

    /// A new connection. If it replaces another one, that one is no longer counted.
    ///
    /// - Parameter now: nanoseconds of a monotonic clock.
    package mutating func open(at now: UInt64) -> Admission {
        var victim: UInt64?
        if entries.count >= limit {
            victim = giver(at: now)
            guard let victim else { return .refused }
            close(victim)
        }
        defer { next += 1 }
        append(next, .waiting, since: now)
        return victim.map { .replacing($0, by: next) } ?? .admitted(next)
    }

    /// Progress, to this phase or within it.
    package mutating func step(_ id: UInt64, to phase: Phase, at now: UInt64) {
        // It may have been replaced already.
        guard entries[id] != nil else { return }
        close(id)
        append(id, phase, since: now)
    }

    /// A connection has ended; ignored if it was replaced before.
    package mutating func close(_ id: UInt64) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        let line = entry.phase.rawValue
        if let older = entry.older { entries[older]?.newer = entry.newer } else { lines[line].oldest = entry.newer }
        if let newer = entry.newer { entries[newer]?.older = entry.older } else { lines[line].newest = entry.older }
    }

    private func giver(at now: UInt64) -> UInt64? {
        if let waiting = lines[Phase.waiting.rawValue].oldest { return waiting }
        guard let stall, let slowest = lines[Phase.answering.rawValue].oldest, let entry = entries[slowest],
            now >= entry.since + stall
        else { return nil }
        return slowest
    }

    private mutating func append(_ id: UInt64, _ phase: Phase, since: UInt64) {
        let newest = lines[phase.rawValue].newest
        entries[id] = Entry(phase: phase, since: since, older: newest)
        if let newest { entries[newest]?.newer = id } else { lines[phase.rawValue].oldest = id }
        lines[phase.rawValue].newest = id
    }
}

/// The number of connections that the process can have.
package enum OpenFileLimit {
    /// For other files of the process: Redis, log, capture.
    private static let reserve = 100

    /// - Returns: fewer than wanted if the limit on open files (`ulimit -n`) requires it.
    package static func connections(wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        return min(wanted, max(16, Int(clamping: limit.rlim_cur) - reserve))
    }
}
