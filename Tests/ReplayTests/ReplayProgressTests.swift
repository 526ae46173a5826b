import Testing

@testable import Replay

/// Confirmed, sent and uncertain envelopes, for every way in which a connection or a process can end.
@Suite struct ReplayProgressTests {
    static let resumptions:
        [(confirmed: Int, sent: Int, known: Int?, isSameProcess: Bool, published: Int, doubted: Int)] = [
            // The target's own account is exact.
            (100, 164, 130, true, 130, 0), (100, 164, 164, true, 164, 0), (100, 164, 100, true, 100, 0),
            // Restarted, or another server: its last state may be lost.
            (100, 164, 130, false, 130, 34), (100, 164, 164, false, 164, 0),
            // It has less than was confirmed, or nothing.
            (100, 164, 99, true, 100, 64), (100, 164, 99, false, 100, 64), (100, 164, nil, true, 100, 64),
            (100, 164, nil, false, 100, 64), (0, 1_024, nil, true, 0, 1_024),
            // Nothing was in flight.
            (100, 100, nil, false, 100, 0), (0, 0, nil, true, 0, 0),
            // The file was an old copy: the target's state is more recent.
            (100, 164, 900, true, 900, 0), (100, 164, 900, false, 900, 0),
        ]

    /// After a lost connection: the ids of uncertain envelopes are known and reported immediately.
    @Test(arguments: resumptions)
    func afterAConnection(
        confirmed: Int, sent: Int, known: Int?, isSameProcess: Bool, published: Int, doubted: Int
    ) {
        var progress = ReplayProgress(confirmed: confirmed)
        for id in confirmed..<sent {
            let isDoubted = progress.send(UInt64(id))
            #expect(!isDoubted)
        }
        #expect(progress.sent == sent)
        let named = progress.resume(known: known, isSameProcess: isSameProcess)
        #expect(progress.confirmed == published && progress.sent == published)
        #expect(named == (published..<published + doubted).map { UInt64($0) })
        // Reported once.
        let isNamedAgain = progress.send(7)
        #expect(!isNamedAgain)
    }

    /// After a restart their ids are unknown until they are read again.
    @Test(arguments: resumptions)
    func afterAProcess(
        confirmed: Int, sent: Int, known: Int?, isSameProcess: Bool, published: Int, doubted: Int
    ) {
        var progress = ReplayProgress(confirmed: confirmed, underWay: sent - confirmed)
        let named = progress.resume(known: known, isSameProcess: isSameProcess)
        #expect(named.isEmpty)
        #expect(progress.confirmed == published)
        var doubts = 0
        for id in 0..<2_000 where progress.send(UInt64(id)) { doubts += 1 }
        #expect(doubts == doubted)
    }

    @Test func confirmedEnvelopesAreRemovedFromTheFront() {
        var progress = ReplayProgress(confirmed: 10, lastCapturedID: 4, lastID: 400)
        #expect(progress.sent == 10 && progress.lastCapturedID == 4 && progress.unconfirmed.isEmpty)
        for id in [5, nil, 7] as [UInt64?] { _ = progress.send(id) }
        progress.confirm(upTo: 12, lastID: 402)
        #expect(progress.confirmed == 12 && progress.sent == 13)
        #expect(progress.lastCapturedID == nil && progress.lastID == 402)
        #expect(progress.unconfirmed == [7])
        // An older reply changes nothing; one beyond what was sent confirms only what was sent.
        progress.confirm(upTo: 11)
        progress.confirm(upTo: 99)
        #expect(progress.confirmed == 13 && progress.lastCapturedID == 7 && progress.lastID == 402)
        #expect(progress.unconfirmed.isEmpty)
    }

    @Test func publishedEnvelopesAreSkipped() {
        var progress = ReplayProgress(confirmed: 2)
        var sent: [Int] = []
        for ordinal in 1...4 where progress.mustSend(ordinal: ordinal, id: UInt64(ordinal * 10)) {
            sent.append(ordinal)
            _ = progress.send(UInt64(ordinal * 10))
        }
        #expect(sent == [3, 4])
        // The last skipped one reveals its id.
        #expect(progress.lastCapturedID == 20)
        progress.confirm(upTo: 3)
        #expect(progress.lastCapturedID == 30)
    }

    /// Reported once, however often it is read again.
    @Test func anUncertainEnvelopeIsReportedOnce() {
        var progress = ReplayProgress(underWay: 4)
        #expect(progress.resume(known: nil, isSameProcess: false).isEmpty)
        let first = ([1, 2] as [UInt64]).filter { progress.send($0) }
        #expect(first == [1, 2])
        // The connection is lost before a reply: 1 and 2 are uncertain again.
        #expect(progress.resume(known: nil, isSameProcess: false).isEmpty)
        let second = ([1, 2, 3, 4, 5] as [UInt64]).filter { progress.send($0) }
        #expect(second == [3, 4])
        progress.confirm(upTo: 3)
        #expect(progress.giveUp() == [5])
        #expect(progress.giveUp().isEmpty)
    }

    @Test func abandonedEnvelopesAreReported() {
        var progress = ReplayProgress()
        for id in [1, nil, 3] as [UInt64?] { _ = progress.send(id) }
        progress.confirm(upTo: 1)
        #expect(progress.giveUp() == [nil, 3])
    }
}
