import Testing

@testable import Replay

@Suite struct SentIDsTests {
    @Test func whatIsConfirmedIsTakenFromTheFront() {
        var sent = SentIDs(published: 10, last: 4)
        #expect(sent.sent == 10 && sent.lastConfirmed == 4 && sent.unconfirmed.isEmpty)
        for id in [5, nil, 7] as [UInt64?] { sent.append(id) }
        sent.confirm(upTo: 12)
        #expect(sent.confirmed == 12 && sent.sent == 13)
        #expect(sent.lastConfirmed == nil)
        #expect(sent.unconfirmed == [7])
        sent.confirm(upTo: 11)
        sent.confirm(upTo: 99)
        #expect(sent.confirmed == 13 && sent.lastConfirmed == 7 && sent.unconfirmed.isEmpty)
    }
}
