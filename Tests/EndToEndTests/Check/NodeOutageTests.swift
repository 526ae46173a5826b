import Loopback
import Testing

@testable import Check

/// Which lost messages of ASP.NET Core SignalR a node's gap explains.
@Suite struct NodeOutageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// When a node noticed each gap, and when it was subscribed again.
        let gaps: [(from: UInt64, to: UInt64?)]
        /// When messages were called, and when a client of the node received them.
        var receipts: [(calledAt: UInt64, at: UInt64)] = []
        /// When the lost message was called and answered.
        let message: (calledAt: UInt64?, answeredAt: UInt64?)
        /// The index of the gap.
        let explanation: Int?

        init(
            _ text: String, gaps: [(UInt64, UInt64?)] = [(20, 30)], receipts: [(UInt64, UInt64)] = [],
            message: (UInt64?, UInt64?), by explanation: Int?
        ) {
            testDescription = text
            self.gaps = gaps
            self.receipts = receipts
            self.message = message
            self.explanation = explanation
        }
    }

    private static let two: [(UInt64, UInt64?)] = [(20, 30), (50, 60)]

    @Test(arguments: [
        Case("during the gap", message: (22, 25), by: 0),
        Case("called before, answered during the gap", message: (15, 25), by: 0),
        Case("called during the gap, answered after it", message: (25, 40), by: 0),
        Case("not answered", message: (15, nil), by: 0),
        Case("never called", message: (nil, nil), by: nil),
        // The node notices later than the connection breaks.
        Case("answered before the node noticed", message: (18, 19), by: 0),
        Case("answered just after a later one that arrived was called", receipts: [(14, 16)], message: (12, 15), by: 0),
        Case("answered as a later one that arrived was called", receipts: [(15, 16)], message: (12, 15), by: nil),
        Case("answered before a later one that arrived was called", receipts: [(17, 19)], message: (12, 15), by: nil),
        Case("one that arrived was called meanwhile", receipts: [(13, 16)], message: (12, 15), by: 0),
        // What arrives after the node noticed may have come before the gap or after it.
        Case("a later one arrived as the node noticed", receipts: [(17, 20)], message: (12, 15), by: 0),
        Case("a later one arrived after the gap", receipts: [(32, 33)], message: (12, 15), by: 0),
        Case("called just before it was subscribed again", message: (29, 40), by: 0),
        Case("called as it was subscribed again", message: (30, 40), by: nil),
        Case("called after it was subscribed again", message: (31, 40), by: nil),
        Case("not subscribed again", gaps: [(20, nil)], message: (90, 91), by: 0),
        Case("no gap", gaps: [], message: (22, 25), by: nil),
        Case("in the second gap", gaps: two, message: (52, 53), by: 1),
        Case("between two gaps, nothing arrived", gaps: two, message: (35, 40), by: 1),
        Case("between two gaps, a later one arrived", gaps: two, receipts: [(41, 42)], message: (35, 40), by: nil),
        Case("answered as the first gap was noticed", gaps: two, receipts: [(16, 19)], message: (14, 15), by: nil),
        Case("under way through both", gaps: two, message: (22, 70), by: 0),
    ])
    func explains(_ item: Case) {
        let gaps = item.gaps.map { NodeGap(from: $0.from, to: $0.to, reason: "cut") }
        var entry = Ledger.Entry(step: .broadcast, method: "m", sender: 0, recipients: [0], sentAt: nil)
        entry.calledAt = item.message.calledAt
        entry.answeredAt = item.message.answeredAt
        let receipts = item.receipts.map { Ledger.Receipt(calledAt: $0.calledAt, at: $0.at) }
        #expect(NodeOutage.all(gaps, receipts).firstIndex { $0.explains(entry) } == item.explanation)
    }

    @Test func theSentenceSaysForHowLongItLasted() {
        let closed = NodeGap(from: 2_000_000, to: 14_500_000, reason: "killed")
        #expect(
            NodeOutage(lastGood: 1, gap: closed).text
                == "was cut off from Redis at that time, and subscribed again 12 ms after it noticed (killed)")
        let open = NodeGap(from: 2_000_000, to: nil, reason: "killed")
        #expect(NodeOutage(lastGood: 1, gap: open).text == "was cut off from Redis at that time (killed)")
    }

    /// Two clients on each of two nodes.
    @Test func onlyWhatCameThroughRedisProvesThatTheNodeReceived() {
        var ledger = Ledger(homes: [0, 0, 1, 1])
        func send(_ step: CheckStep, calledAt: UInt64, arrivals: [(client: Int, at: UInt64?)]) {
            var entry = Ledger.Entry(
                step: step, method: "m", sender: 0, recipients: Set(arrivals.map(\.client)), sentAt: nil)
            entry.calledAt = calledAt
            let message = ledger.enter(entry)
            for (client, at) in arrivals {
                _ = ledger.arrived(
                    .init(message: message, isIntact: true, envelopeAtMost: nil, at: at), client: client)
            }
        }
        send(.broadcast, calledAt: 1, arrivals: [(0, 3), (1, 4), (2, 5)])
        // A message to a connection of the sender's node does not pass through Redis.
        send(.connection, calledAt: 6, arrivals: [(1, 7)])
        send(.groups, calledAt: 8, arrivals: [(3, 9)])
        #expect(ledger.receipts(of: 0) == [.init(calledAt: 1, at: 3), .init(calledAt: 1, at: 4)])
        #expect(ledger.receipts(of: 1) == [.init(calledAt: 1, at: 5), .init(calledAt: 8, at: 9)])
    }
}
