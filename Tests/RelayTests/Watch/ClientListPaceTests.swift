import Testing

@testable import Relay

@Suite struct ClientListPaceTests {
    private static let second: UInt64 = 1_000_000_000
    private static let millisecond: UInt64 = 1_000_000

    @Test func slowAnswersMakeItWaitAndQuickOnesComeBack() {
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
        #expect(pace.admits(clients: 10_000, at: 0))
        // Where the server does not tell, the time of the answer decides.
        #expect(pace.admits(clients: nil, at: 0))
        #expect(!pace.admits(clients: 10_001, at: 0))
        #expect(pace.isSuspended)
        #expect(!pace.isDue(at: 59 * Self.second))
        #expect(pace.isDue(at: 60 * Self.second))
        #expect(pace.admits(clients: 9_000, at: 60 * Self.second))
        #expect(!pace.isSuspended)
    }
}
