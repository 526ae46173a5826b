package import Backplane
import HubNode
import NIOConcurrencyHelpers
import NIOCore

/// The counter was set back: ids are assigned a second time.
package struct CounterReset: Equatable, Sendable, Encodable {
    /// The last id before it.
    package let from: UInt64
    /// 0 if its key is gone.
    package let to: UInt64

    /// - Parameters:
    ///   - from: the last id before it.
    ///   - to: the value that it was set back to; 0 if its key is gone.
    package init(from: UInt64, to: UInt64) {
        self.from = from
        self.to = to
    }
}

/// Records what an in-process node reports about the backplane.
package final class NodeLog: HubNodeObserver {
    /// What a node has reported so far.
    package struct State: Sendable {
        /// Ids that it never received.
        package var missed = MissedIDs()
        /// In order of their detection.
        package var resets: [CounterReset] = []
        /// The reason of each lost connection.
        package var closures: [String] = []
        /// Times without a subscription to the backplane of ASP.NET Core SignalR, in order.
        package var gaps: [NodeGap] = []

        /// The state before the first report.
        package init() {}
    }

    private let state = NIOLockedValueBox(State())
    private let onPublished: @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void

    /// - Parameter onPublished: called on the node's event loop with each message that the node has published: its id,
    ///   key and value.
    package init(onPublished: @escaping @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void) {
        self.onPublished = onPublished
    }

    /// What was reported until now; thread-safe.
    package var current: State { state.withLockedValue { $0 } }

    /// Passes the message on; see ``init(onPublished:)``.
    package func published(id: UInt64, message: Message) {
        onPublished(id, message.key, message.value)
    }

    /// Not of interest: only losses of a connection are noted.
    package func opened() {}

    /// Notes the loss of the node's connection to Redis.
    package func closed(reason: String) {
        state.withLockedValue { $0.closures.append(reason) }
    }

    /// Notes the end of a gap.
    package func coreOpened() {
        let now = NIODeadline.now().uptimeNanoseconds
        state.withLockedValue { state in
            guard let last = state.gaps.indices.last, state.gaps[last].to == nil else { return }
            state.gaps[last].to = now
        }
    }

    /// Notes the beginning of a gap.
    package func coreClosed(reason: String) {
        let now = NIODeadline.now().uptimeNanoseconds
        state.withLockedValue { state in
            // A connection that ended before it had subscribed belongs to the same gap.
            if let last = state.gaps.last, last.to == nil { return }
            state.gaps.append(NodeGap(from: now, to: nil, reason: reason))
            state.closures.append(reason)
        }
    }

    /// Notes ids that the node never received, both ends included; ignored if `from` is above `to`.
    package func missed(from: UInt64, to: UInt64) {
        guard from <= to else { return }
        state.withLockedValue { $0.missed.insert(from...to) }
    }

    /// Notes that the node saw ids go back.
    package func counterReset(from: UInt64, to: UInt64) {
        state.withLockedValue { $0.resets.append(CounterReset(from: from, to: to)) }
    }
}

/// A period in which a node was not subscribed to the backplane of ASP.NET Core SignalR, whose messages have no ids.
/// Times are uptime in nanoseconds.
package struct NodeGap: Equatable, Sendable {
    /// When the node noticed.
    package let from: UInt64
    /// When the node was subscribed again; nil if it is not yet.
    package var to: UInt64?
    /// Why the connection was lost.
    package let reason: String

    /// - Parameters:
    ///   - from: when the node noticed.
    ///   - to: when the node was subscribed again; nil if it is not yet.
    package init(from: UInt64, to: UInt64?, reason: String) {
        self.from = from
        self.to = to
        self.reason = reason
    }
}

/// The ids that a node missed.
package struct MissedIDs: Equatable, Sendable {
    /// Ascending and disjoint.
    package private(set) var ranges: [ClosedRange<UInt64>] = []

    /// Adds ids, and merges ranges that touch.
    package mutating func insert(_ range: ClosedRange<UInt64>) {
        var merged = range
        var others: [ClosedRange<UInt64>] = []
        for other in ranges {
            let touches =
                other.overlaps(merged) || (other.upperBound < .max && other.upperBound + 1 == merged.lowerBound)
                || (merged.upperBound < .max && merged.upperBound + 1 == other.lowerBound)
            if touches {
                merged = min(merged.lowerBound, other.lowerBound)...max(merged.upperBound, other.upperBound)
            } else {
                others.append(other)
            }
        }
        others.append(merged)
        ranges = others.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// The range that contains this id; nil if the node received it.
    package func range(around id: UInt64) -> ClosedRange<UInt64>? {
        ranges.first { $0.contains(id) }
    }
}
