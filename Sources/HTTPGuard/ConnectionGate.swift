package import Logging
import NIOConcurrencyHelpers
import NIOCore
package import Prometheus

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
