import Testing

@testable import Relay

@Suite struct ClientListPaceTests {
    private static let second: UInt64 = 1_000_000_000
    private static let millisecond: UInt64 = 1_000_000

    @Test func slowRepliesLengthenTheIntervalAndQuickOnesShortenIt() {
        var pace = ClientListPace()
        #expect(pace.isDue(at: 0))
        let costs: [UInt64] = [1, 10, 11, 30, 200, 200, 200, 200, 200, 1, 1, 1, 1, 1, 1, 1]
        let intervals = costs.map { cost in
            pace.answered(in: cost * Self.millisecond, at: 0)
            return pace.interval / Self.second
        }
        #expect(intervals == [5, 5, 10, 20, 40, 80, 160, 300, 300, 150, 75, 37, 18, 9, 5, 5])
    }

    @Test func isDueAfterItsInterval() {
        var pace = ClientListPace()
        pace.answered(in: 20 * Self.millisecond, at: 100 * Self.second)
        #expect(!pace.isDue(at: 105 * Self.second))
        #expect(pace.isDue(at: 110 * Self.second))
    }

    @Test func manyClientsAreNotListed() {
        var pace = ClientListPace()
        // If the server does not report the number, the time of the reply decides.
        let admitted = [10_000, nil, 10_001].map { pace.admits(clients: $0, at: 0) }
        #expect(admitted == [true, true, false])
        #expect(pace.isSuspended)
        #expect(!pace.isDue(at: 59 * Self.second))
        #expect(pace.isDue(at: 60 * Self.second))
        let isAdmittedAgain = pace.admits(clients: 9_000, at: 60 * Self.second)
        #expect(isAdmittedAgain)
        #expect(!pace.isSuspended)
    }
}
