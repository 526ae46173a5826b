import Testing

@testable import HubNode

@Suite("Resume ledger")
struct ResumeLedgerTests {
    private func ledger(counter: UInt64?) -> ResumeLedger {
        var ledger = ResumeLedger()
        ledger.opened(counter: counter)
        return ledger
    }

    private static let fresh: [(cursor: UInt64, verdict: ResumeLedger.Verdict)] = [
        (0, .incomplete), (9, .incomplete), (10, .complete), (11, .unknown), (.max, .unknown),
    ]

    @Test("a new node has everything after the counter", arguments: fresh)
    func begins(cursor: UInt64, verdict: ResumeLedger.Verdict) {
        #expect(ledger(counter: 10).verdict(of: cursor, oldestStored: nil) == verdict)
    }

    @Test("nothing is reported until the counter is known, then everything at once")
    func waits() {
        var ledger = ResumeLedger()
        for cursor: UInt64 in [5, 10, 15] {
            #expect(ledger.verdict(of: cursor, oldestStored: nil) == .unknown)
            ledger.wait(cursor)
        }
        ledger.opened(counter: 10)
        #expect(ledger.settle(counter: 10, oldestStored: nil) == [5, 15])
        #expect(ledger.settle(counter: 10, oldestStored: nil) == [])
    }

    @Test("if the counter cannot be read, the first envelope decides")
    func withoutCounter() {
        var ledger = ledger(counter: nil)
        ledger.wait(5)
        ledger.wait(20)
        #expect(ledger.settle(counter: nil, oldestStored: nil) == [])
        ledger.heard(21)
        #expect(ledger.settle(counter: nil, oldestStored: 21) == [5])
    }

    @Test("a cursor ahead of the node is not a loss if the counter has reached it")
    func ahead() {
        var ledger = ledger(counter: 10)
        ledger.wait(12)
        #expect(ledger.settle(counter: 12, oldestStored: nil) == [])
        ledger.wait(13)
        #expect(ledger.settle(counter: 12, oldestStored: nil) == [13])
    }

    @Test("the node has what it received between subscribing and reading the counter")
    func betweenSubscriptionAndCounter() {
        var ledger = ledger(counter: 10)
        ledger.heard(8)
        #expect(ledger.verdict(of: 7, oldestStored: 8) == .complete)
        #expect(ledger.verdict(of: 6, oldestStored: 8) == .incomplete)
    }

    @Test("the node lacks what the store has dropped")
    func forgotten() {
        var ledger = ledger(counter: 0)
        for id: UInt64 in 1...20 { ledger.heard(id) }
        #expect(ledger.verdict(of: 9, oldestStored: 10) == .complete)
        #expect(ledger.verdict(of: 8, oldestStored: 10) == .incomplete)
        #expect(ledger.verdict(of: 0, oldestStored: 1) == .complete)
    }

    @Test("the node lacks what was published while it was disconnected, if anything")
    func deaf() {
        var ledger = ledger(counter: 0)
        for id: UInt64 in 1...5 { ledger.heard(id) }
        ledger.opened(counter: 5)
        #expect(ledger.verdict(of: 2, oldestStored: 1) == .complete)
        ledger.opened(counter: 9)
        #expect(ledger.verdict(of: 5, oldestStored: 1) == .incomplete)
        #expect(ledger.verdict(of: 9, oldestStored: 1) == .complete)
        var lucky = ledger
        lucky.heard(6)
        #expect(lucky.verdict(of: 2, oldestStored: 1) == .complete)
        ledger.missed(through: 9)
        ledger.heard(10)
        #expect(ledger.verdict(of: 8, oldestStored: 1) == .incomplete)
        #expect(ledger.verdict(of: 9, oldestStored: 1) == .complete)
    }

    @Test("after a counter reset old cursors are above the counter")
    func setBack() {
        var ledger = ledger(counter: 0)
        for id: UInt64 in 1...50 { ledger.heard(id) }
        ledger.reset(to: 3)
        ledger.heard(3)
        #expect(ledger.verdict(of: 50, oldestStored: 3) == .unknown)
        ledger.wait(50)
        #expect(ledger.settle(counter: 3, oldestStored: 3) == [50])
    }

    @Test("many clients are one log line, when no more arrive or after ten seconds")
    func report() {
        var report = ResumeReport()
        #expect(report.tick() == nil)
        for cursor: UInt64 in 1...99 { report.add(cursor) }
        #expect(report.tick() == nil)
        #expect(report.tick() == ResumeReport.Line(clients: 99, lowestCursor: 1, highestCursor: 99))
        #expect(report.tick() == nil)
        var lines = 0
        for _ in 0..<10 {
            report.add(7)
            if report.tick() != nil { lines += 1 }
        }
        #expect(lines == 1)
        #expect(report.take() == nil)
    }
}
