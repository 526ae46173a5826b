import Loopback

/// A time in which a node of ASP.NET Core SignalR did not receive from the backplane, by its own report. Decides which
/// lost messages it explains. No I/O; times are uptime in nanoseconds.
///
/// Messages there have no ids. But Redis sends them to a node in the order of their publication, and a message is
/// published between the call of its sender and the answer to that call. So a node that received a message had received
/// everything that was answered before this message was called.
struct NodeOutage: Equatable, Sendable {
    /// The connection was last known good: the node received everything that was published until then.
    let lastGood: UInt64
    let gap: NodeGap

    /// - Parameters:
    ///   - gaps: reported by one node, in order.
    ///   - receipts: what clients of this node received from the backplane.
    static func all(_ gaps: [NodeGap], _ receipts: [Ledger.Receipt]) -> [NodeOutage] {
        var lost: UInt64 = 0
        return gaps.map { gap in
            // The node subscribed again after it had noticed the gap before, and noticed this one after its last
            // receipt.
            let good = receipts.lazy.filter { $0.at < gap.from }.reduce(lost) { max($0, $1.calledAt) }
            lost = gap.from
            return NodeOutage(lastGood: good, gap: gap)
        }
    }

    /// Whether the message may have been published while the node did not receive: it was not answered before the
    /// connection was last known good, and was called before the node was subscribed again.
    func explains(_ entry: Ledger.Entry) -> Bool {
        guard let calledAt = entry.calledAt else { return false }
        return calledAt < gap.to ?? .max && entry.answeredAt ?? .max > lastGood
    }

    /// A sentence without its subject, the node.
    var text: String {
        let again = gap.to.map { ", and subscribed again \(($0 - min(gap.from, $0)) / 1_000_000) ms after it noticed" }
        return "was cut off from Redis at that time\(again ?? "") (\(gap.reason))"
    }
}
