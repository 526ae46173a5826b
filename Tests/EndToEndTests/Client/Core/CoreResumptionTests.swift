import NIOCore
import Testing

@testable import SignalRClient

/// Counting and repeating messages, as in core-protocol B6.
struct CoreResumptionTests {
    @Test func repeatsUnacknowledgedMessages() {
        var resumption = CoreResumption()
        for number in 1...4 { resumption.append([UInt8(number)]) }
        resumption.acknowledged(2)
        let again = resumption.repeated
        #expect(again.sequenceID == 3 && again.messages == [[3], [4]])
        resumption.acknowledged(4)
        let nothing = resumption.repeated
        #expect(nothing.sequenceID == 5 && nothing.messages.isEmpty)
    }

    @Test func aNewConnectionStartsAtOne() {
        let resumption = CoreResumption()
        let again = resumption.repeated
        #expect(again.sequenceID == 1 && again.messages.isEmpty)
    }

    @Test func waitsBeyondTheBufferUntilAnAck() {
        var resumption = CoreResumption()
        resumption.append([UInt8](repeating: 0, count: 99_999))
        #expect(!resumption.isFull)
        resumption.append([0])
        #expect(resumption.isFull)
        resumption.acknowledged(1)
        #expect(!resumption.isFull)
    }

    @Test func skipsRepeatedMessages() {
        var resumption = CoreResumption()
        for _ in 1...3 { #expect(resumption.receive(isCounted: true) == .taken) }
        #expect(resumption.receive(isCounted: false) == .taken)
        #expect(resumption.lastReceivedID == 3)
        resumption.begin()
        // Before the node has sent the id of its first message, messages have no position.
        #expect(resumption.receive(isCounted: true) == .skipped)
        #expect(resumption.receive(sequenceID: 2) == true)
        #expect(resumption.receive(isCounted: true) == .skipped)
        #expect(resumption.receive(isCounted: true) == .skipped)
        #expect(resumption.receive(isCounted: true) == .taken)
        #expect(resumption.lastReceivedID == 4)
    }

    @Test(arguments: [(Int64(4), true), (5, false), (0, false)])
    func detectsMissingMessages(sequenceID: Int64, isWhole: Bool) {
        var resumption = CoreResumption()
        for _ in 1...3 { _ = resumption.receive(isCounted: true) }
        resumption.begin()
        #expect(resumption.receive(sequenceID: sequenceID) == isWhole)
    }
}

struct CoreBeatTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func pingsAfterSendingNothing() {
        var beat = CoreBeat(pingInterval: .seconds(15), serverTimeout: .seconds(30), now: Self.start)
        #expect(beat.due(at: Self.start) == .nothing(until: Self.start + .seconds(15)))
        beat.sent(at: Self.start + .seconds(10))
        beat.received(at: Self.start + .seconds(20))
        #expect(beat.due(at: Self.start + .seconds(15)) == .nothing(until: Self.start + .seconds(25)))
        #expect(beat.due(at: Self.start + .seconds(25)) == .ping)
        #expect(beat.due(at: Self.start + .seconds(50)) == .dead)
    }
}
