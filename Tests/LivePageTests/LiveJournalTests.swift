import Capture
import Testing
import Time

@testable import LivePage
@testable import Relay

@Suite struct LiveJournalTests {
    private func moment(_ seconds: UInt64) -> Moment {
        Moment(realtime: seconds * 1_000_000_000, monotonic: seconds * 1_000_000_000)
    }

    @Test func returnsEachEventOnce() {
        let journal = LiveJournal(at: moment(1))
        journal.note(.duplicate(channel: "chat", id: 7), at: moment(2))
        #expect(journal.take().events.map(\.event) == [.duplicate(channel: "chat", id: 7)])
        #expect(journal.take().events.isEmpty)
    }

    @Test func aFloodOfEventsDropsTheOldest() {
        let journal = LiveJournal(at: moment(1))
        let count = 10 * LiveJournal.limit
        for id in 1...count { journal.note(.duplicate(channel: "chat", id: UInt64(id)), at: moment(2)) }
        let entries = journal.take()
        #expect(entries.events.count <= LiveJournal.limit)
        #expect(entries.events.count + entries.overrun == count)
        #expect(entries.events.map(\.number) == Array((UInt64(entries.overrun) + 1)...UInt64(count)))
    }

    /// The state of the connection is kept when its events are dropped from the journal.
    @Test func aFloodKeepsTheConnectionState() {
        let journal = LiveJournal(at: moment(1))
        #expect(journal.take().connection == .connecting(since: moment(1).realtime))
        journal.note(.disconnected(cause: "io_error"), at: moment(2))
        #expect(journal.take().connection == .connecting(since: moment(1).realtime), "the relay was never connected")
        journal.note(.subscribed(runID: nil, redisVersion: nil), at: moment(3))
        journal.note(.disconnected(cause: "closed_by_server"), at: moment(4))
        journal.note(.disconnected(cause: "io_error"), at: moment(5))
        for id in 0..<UInt64(2 * LiveJournal.limit) { journal.note(.duplicate(channel: "chat", id: id), at: moment(6)) }
        #expect(journal.take().connection == .lost(since: moment(4).realtime, cause: "closed_by_server"))
        journal.note(.subscribed(runID: nil, redisVersion: nil), at: moment(7))
        #expect(journal.take().connection == .subscribed(since: moment(7).realtime))
    }
}
