import Testing

@testable import LivePage
@testable import Relay

@Suite struct RecordingSnapshotTests {
    @Test func lossesCountFromTheStartOfTheProblem() {
        var board = RecordingSnapshot(records: true)
        board.look(isWriting: true, isDiskLow: false, lost: 5, overflowed: 0, at: 1)
        #expect(board.state == .writing)
        board.look(isWriting: false, isDiskLow: false, lost: 8, overflowed: 0, at: 2)
        #expect(board.state == .failing(since: 2, lost: 3))
        board.look(isWriting: false, isDiskLow: false, lost: 20, overflowed: 0, at: 3)
        #expect(board.state == .failing(since: 2, lost: 15))
        board.look(isWriting: true, isDiskLow: false, lost: 20, overflowed: 0, at: 4)
        #expect(board.state == .writing)
        board.look(isWriting: false, isDiskLow: true, lost: 21, overflowed: 0, at: 5)
        #expect(board.state == .paused(since: 5, lost: 1))
    }

    @Test func recentDropsAreCombined() {
        var board = RecordingSnapshot(records: true)
        board.look(isWriting: true, isDiskLow: false, lost: 0, overflowed: 2, at: 10)
        board.look(isWriting: true, isDiskLow: false, lost: 0, overflowed: 2, at: 11)
        board.look(isWriting: true, isDiskLow: false, lost: 0, overflowed: 5, at: 12)
        #expect(board.drops == .init(firstAt: 10, lastAt: 12, envelopes: 5))
        let later = 12 + ChannelState.newsSpan
        board.look(isWriting: true, isDiskLow: false, lost: 0, overflowed: 6, at: later)
        #expect(board.drops == .init(firstAt: later, lastAt: later, envelopes: 1))
    }

    @Test func withoutARecordingNothingFails() {
        var board = RecordingSnapshot(records: false)
        board.look(isWriting: false, isDiskLow: false, lost: 0, overflowed: 0, at: 1)
        #expect(board.state == .off)
    }
}
