import Backplane
import Testing

@Suite struct AckTrackerTests {
    private static let second: UInt64 = 1_000_000_000

    private func bytes<Result>(_ id: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(id.utf8).withUnsafeBytes(body)
    }

    @Test func anAckReportsItsDuration() {
        var tracker = AckTracker()
        bytes("a") { tracker.sent(commandID: $0, at: 5 * Self.second) }
        bytes("b") { tracker.sent(commandID: $0, at: 6 * Self.second) }
        #expect(bytes("b") { tracker.answered(commandID: $0, at: 8 * Self.second) } == 2 * Self.second)
        #expect(bytes("a") { tracker.answered(commandID: $0, at: 8 * Self.second) } == 3 * Self.second)
        #expect(bytes("a") { tracker.answered(commandID: $0, at: 9 * Self.second) } == nil)
        #expect(bytes("x") { tracker.answered(commandID: $0, at: 9 * Self.second) } == nil)
        #expect(tracker.expire(at: 500 * Self.second) == 0)
    }

    @Test func anAckLaterThanANodesTimeoutIsMissing() {
        var tracker = AckTracker()
        bytes("a") { tracker.sent(commandID: $0, at: 10 * Self.second) }
        bytes("b") { tracker.sent(commandID: $0, at: 20 * Self.second) }
        bytes("c") { tracker.sent(commandID: $0, at: 30 * Self.second) }
        _ = bytes("b") { tracker.answered(commandID: $0, at: 21 * Self.second) }
        #expect(tracker.expire(at: 40 * Self.second) == 0)
        #expect(tracker.expire(at: 40 * Self.second + 1) == 1)
        #expect(tracker.expire(at: 61 * Self.second) == 1)
        #expect(tracker.expire(at: 900 * Self.second) == 0)
        // An ack after the timeout is ignored.
        #expect(bytes("a") { tracker.answered(commandID: $0, at: 62 * Self.second) } == nil)
    }

    @Test func aClockSetBackGivesNoDuration() {
        var tracker = AckTracker()
        bytes("a") { tracker.sent(commandID: $0, at: 10) }
        #expect(bytes("a") { tracker.answered(commandID: $0, at: 3) } == 0)
        bytes("b") { tracker.sent(commandID: $0, at: 10) }
        #expect(tracker.expire(at: 3) == 0)
    }

    @Test func afterAGapNothingIsReportedMissing() {
        var tracker = AckTracker()
        bytes("a") { tracker.sent(commandID: $0, at: 1) }
        tracker.forget()
        #expect(tracker.expire(at: .max) == 0)
        #expect(bytes("a") { tracker.answered(commandID: $0, at: 2) } == nil)
    }

    @Test func boundedForAnyNumberOfCommands() {
        var tracker = AckTracker()
        let count = AckTracker.maximumPending * 5
        for number in 0..<count { bytes("\(number)") { tracker.sent(commandID: $0, at: UInt64(number)) } }
        #expect(bytes("0") { tracker.answered(commandID: $0, at: 1) } == nil)
        #expect(bytes("\(count - 1)") { tracker.answered(commandID: $0, at: UInt64(count)) } == 1)
        #expect(tracker.expire(at: .max) == AckTracker.maximumPending - 1)
    }

    /// Many commands with prompt acks do not evict the one that is pending.
    @Test func aPendingCommandAmongManyAcknowledged() {
        var tracker = AckTracker()
        bytes("lonely") { tracker.sent(commandID: $0, at: 0) }
        for number in 0..<AckTracker.maximumPending * 10 {
            bytes("\(number)") { tracker.sent(commandID: $0, at: UInt64(number)) }
            #expect(bytes("\(number)") { tracker.answered(commandID: $0, at: UInt64(number)) } == 0)
        }
        #expect(tracker.expire(at: 31 * Self.second) == 1)
    }
}
