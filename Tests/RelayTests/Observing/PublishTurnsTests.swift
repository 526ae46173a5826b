import Testing

@testable import Relay

@Suite struct PublishTurnsTests {
    private static let interval = PublishTurns.interval

    /// The turns until no hub is pending, each as soon as it is due.
    private func turns(_ turns: inout PublishTurns, from now: inout UInt64) -> [Range<Int>] {
        var taken: [Range<Int>] = []
        while let deadline = turns.deadline {
            now = max(now, deadline)
            taken.append(turns.take(at: now))
        }
        return taken
    }

    @Test(arguments: [
        (1, [0..<1]), (100, [0..<100]), (101, [0..<100, 100..<101]), (250, [0..<100, 100..<200, 200..<250]),
    ])
    func allTakeTheirTurn(observers: Int, expected: [Range<Int>]) {
        var turns = PublishTurns(observers: observers)
        var now = Self.interval
        for _ in 0..<2 {
            #expect(turns.take(at: now).isEmpty, "nothing was counted")
            turns.counted()
            #expect(self.turns(&turns, from: &now) == expected)
        }
    }

    @Test func noTurnBeforeItsTime() {
        var turns = PublishTurns(observers: 250)
        turns.counted()
        #expect(turns.take(at: Self.interval) == 0..<100)
        #expect(turns.deadline == 2 * Self.interval)
        #expect(turns.take(at: 2 * Self.interval - 1).isEmpty)
        #expect(turns.take(at: 2 * Self.interval) == 100..<200)
    }

    /// A pass through a full intake takes long: no metric may be older than that pass plus one turn.
    @Test func aLateTurnIsLonger() {
        var turns = PublishTurns(observers: 1_000)
        turns.counted()
        #expect(turns.take(at: 3 * Self.interval) == 0..<300)
        turns.counted()
        #expect(turns.take(at: 23 * Self.interval) == 300..<1_000)
    }

    /// A hub that counts again after a turn waits for one more; none is skipped.
    @Test func countingInBetween() {
        var turns = PublishTurns(observers: 250)
        var now = Self.interval
        turns.counted()
        #expect(turns.take(at: now) == 0..<100)
        turns.counted()
        #expect(self.turns(&turns, from: &now) == [100..<200, 200..<250, 0..<100])
        #expect(turns.deadline == nil)
    }

    /// Hubs appear while the relay runs: every hub that counted gets a turn.
    @Test func aHubAppearsDuringARound() {
        var turns = PublishTurns(observers: 250)
        turns.counted()
        var now = Self.interval
        #expect(turns.take(at: now) == 0..<100)
        turns.counted()
        turns.add()
        let taken = self.turns(&turns, from: &now)
        #expect(Set(taken.joined()) == Set(0...250))

        turns.add()
        #expect(turns.deadline == nil, "the first turn is not counted yet")
        turns.counted()
        #expect(Set(self.turns(&turns, from: &now).joined()) == Set(0...251))
    }
}
