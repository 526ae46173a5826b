package import Logging
import NIOConcurrencyHelpers
import NIOCore
package import Prometheus

/// Holds the number of a server's connections below its limit: a new one is always let in while another one only waits.
package final class ConnectionGate: Sendable {
    /// Why a connection was closed that its client had not ended.
    package enum Reason: String, CaseIterable, Sendable {
        /// It gave way to a new one.
        case crowded
        /// It was new, and all others were in use.
        case refused
        /// Its request, or the reading of its answer, took too long.
        case slow
        /// It sent more header than a request may have, or no HTTP.
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

    /// - Parameter registry: where its metrics go.
    package init(limits: HTTPLimits, registry: Registry, logger: Logger) {
        limit = limits.connections
        state = NIOLockedValueBox(
            State(
                table: ConnectionTable(
                    limit: limits.connections, stall: limits.stall.map { UInt64($0.nanoseconds) })))
        self.logger = logger
        open = registry.gauge(
            "backplane_relay_http_connections",
            help: "Open connections to this HTTP surface, its metrics' own included.")
        let family = registry.counterFamily(
            "backplane_relay_http_connections_closed_total",
            help:
                "HTTP connections ended by the server. crowded: the one that waited longest without a whole request gave way to a new one; refused: it was new and all others were in use; slow: its request or the reading of the answer took too long; malformed: too much header, or no HTTP.",
            labels: ["reason"])
        closed = Dictionary(uniqueKeysWithValues: Reason.allCases.map { ($0, family.with($0.rawValue)) })
    }

    /// - Parameter close: called from any thread when another connection takes its place.
    /// - Returns: nil if there are too many, all in use.
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
