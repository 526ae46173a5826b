import Testing

@testable import Check
@testable import Loopback

struct LedgerTests {
    /// Three clients: 0 and 1 at node 0, client 2 at node 1.
    private static func ledger() -> Ledger { Ledger(homes: [0, 0, 1]) }

    private static func entry(_ recipients: Set<Int> = [0, 1, 2], from sender: Int = 0, isDue: Bool = true)
        -> Ledger.Entry
    {
        Ledger.Entry(
            step: .broadcast, method: "broadcastMessage", sender: sender, recipients: recipients, sentAt: nil,
            isDue: isDue)
    }

    private static func arrive(
        _ ledger: inout Ledger, _ message: Int, _ clients: [Int] = [0, 1, 2], isIntact: Bool = true,
        atMost: UInt64? = nil
    ) {
        for client in clients {
            _ = ledger.arrived(.init(message: message, isIntact: isIntact, envelopeAtMost: atMost), client: client)
        }
    }

    private static func findings(
        _ ledger: Ledger, missed: [MissedIDs] = [MissedIDs(), MissedIDs()], idsAscend: Bool = true
    ) -> [Finding] {
        ledger.findings(missed: missed, idsAscend: idsAscend)
    }

    @Test func everythingArrivedInOrder() {
        var ledger = Self.ledger()
        for id in 0..<3 {
            let message = ledger.enter(Self.entry())
            ledger.published(message, envelope: UInt64(10 + id))
            Self.arrive(&ledger, message)
        }
        #expect(Self.findings(ledger) == [])
        #expect(ledger.tally(.broadcast) == (9, 9))
        #expect(ledger.tally(.groups) == (0, 0))
    }

    @Test func aLossIsReportedAndExplained() {
        var ledger = Self.ledger()
        let message = ledger.enter(Self.entry())
        ledger.published(message, envelope: 1230)
        Self.arrive(&ledger, message, [0, 1])
        var missed = [MissedIDs(), MissedIDs()]
        #expect(Self.findings(ledger) == [.lost(message: 0, client: 2, node: 1, missed: nil)])
        // Another node's missed ids do not explain it.
        missed[0].insert(1230...1232)
        #expect(Self.findings(ledger, missed: missed) == [.lost(message: 0, client: 2, node: 1, missed: nil)])
        missed[1].insert(1230...1232)
        #expect(Self.findings(ledger, missed: missed) == [.lost(message: 0, client: 2, node: 1, missed: 1230...1232)])
        #expect(ledger.tally(.broadcast) == (3, 2))
    }

    @Test func aLossWithoutAnEnvelopeIDIsNotExplained() {
        var ledger = Self.ledger()
        let message = ledger.enter(Self.entry())
        Self.arrive(&ledger, message, [0], atMost: 40)
        Self.arrive(&ledger, message, [1], atMost: 38)
        var missed = MissedIDs()
        missed.insert(0...UInt64.max)
        #expect(
            Self.findings(ledger, missed: [missed, missed]) == [.lost(message: 0, client: 2, node: 1, missed: nil)])
        #expect(ledger.envelopeAtMost(message) == 38)
    }

    @Test func aMovedClientIsServedByItsNewNode() {
        var ledger = Self.ledger()
        let before = ledger.enter(Self.entry([0]))
        ledger.moved(client: 0, to: 1)
        let after = ledger.enter(Self.entry([0]))
        #expect(ledger.node(of: 0, for: before) == 0)
        #expect(ledger.node(of: 0, for: after) == 1)
        #expect(ledger.node(of: 1, for: after) == 0)
    }

    @Test func optionalMessagesMayArrive() {
        var ledger = Self.ledger()
        let fence = ledger.enter(Self.entry(isDue: false))
        let failed = ledger.enter(Self.entry())
        ledger.release(failed)
        Self.arrive(&ledger, fence, [1])
        Self.arrive(&ledger, failed, [2])
        #expect(Self.findings(ledger) == [])
        Self.arrive(&ledger, failed, [2])
        #expect(Self.findings(ledger) == [.duplicate(message: failed, client: 2, times: 2)])
        #expect(ledger.tally(.broadcast) == (0, 0))
    }

    @Test func duplicatesWrongRecipientsAndAlterations() {
        var ledger = Self.ledger()
        let message = ledger.enter(Self.entry([0, 1]))
        Self.arrive(&ledger, message, [0, 0, 0, 1, 2])
        let other = ledger.enter(Self.entry([0]))
        Self.arrive(&ledger, other, [0], isIntact: false)
        #expect(
            Self.findings(ledger) == [
                .duplicate(message: message, client: 0, times: 3), .leaked(message: message, client: 2),
                .altered(message: other, client: 0),
            ])
    }

    @Test func messagesMustArriveInTheOrderOfIDs() {
        var ledger = Self.ledger()
        let first = ledger.enter(Self.entry([0], from: 1))
        let second = ledger.enter(Self.entry([0], from: 2))
        ledger.published(first, envelope: 11)
        ledger.published(second, envelope: 10)
        var swapped = ledger
        Self.arrive(&ledger, second, [0])
        Self.arrive(&ledger, first, [0])
        #expect(Self.findings(ledger) == [])
        Self.arrive(&swapped, first, [0])
        Self.arrive(&swapped, second, [0])
        #expect(Self.findings(swapped) == [.outOfOrder(message: second, after: first, client: 0)])
        // After a counter reset, ids of two senders do not imply an order.
        #expect(Self.findings(swapped, idsAscend: false) == [])
    }

    @Test func withoutIDsTheOrderOfEachSenderApplies() {
        var ledger = Self.ledger()
        let first = ledger.enter(Self.entry([0], from: 1))
        let other = ledger.enter(Self.entry([0], from: 2))
        let second = ledger.enter(Self.entry([0], from: 1))
        Self.arrive(&ledger, second, [0])
        Self.arrive(&ledger, other, [0])
        Self.arrive(&ledger, first, [0])
        #expect(Self.findings(ledger) == [.outOfOrder(message: first, after: second, client: 0)])
    }

    @Test func unknownNumbersAreIgnored() {
        var ledger = Self.ledger()
        #expect(ledger.arrived(.init(message: 0, isIntact: true, envelopeAtMost: nil), client: 0) == nil)
        #expect(ledger.arrived(.init(message: -1, isIntact: true, envelopeAtMost: nil), client: 0) == nil)
        ledger.published(7, envelope: 1)
        #expect(Self.findings(ledger) == [])
    }
}
