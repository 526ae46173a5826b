import Testing
import Time

@Suite struct RepeatLimiterTests {
    private static let interval: UInt64 = 10_000_000_000
    private static let second: UInt64 = 1_000_000_000
    private static let limit = 256

    private static func fiveInTenSeconds() -> RepeatLimiter {
        RepeatLimiter(burst: 5, interval: interval, limit: limit)
    }

    private static func oneASecond() -> RepeatLimiter { RepeatLimiter(burst: 1, interval: second, limit: 64) }

    @Test func admitsABurstAndCountsTheRest() {
        var limiter = Self.fiveInTenSeconds()
        #expect(admitted(20, "gap", by: &limiter, at: 0) == 5)
        #expect(admitted(1, "other", by: &limiter, at: 0) == 1, "each message has its own window")
        #expect(ended(&limiter, at: Self.interval - 1) == [])
        #expect(ended(&limiter, at: Self.interval) == [.init(message: "gap", count: 15)])
        #expect(admitted(1, "gap", by: &limiter, at: Self.interval) == 1, "a new window")
        #expect(ended(&limiter, at: 2 * Self.interval) == [], "nothing was suppressed")
    }

    @Test func reportsSuppressedMessagesAtTheEnd() {
        var limiter = Self.fiveInTenSeconds()
        _ = admitted(8, "b", by: &limiter, at: 5)
        _ = admitted(6, "a", by: &limiter, at: 5)
        #expect(
            ended(&limiter, at: 6, all: true) == [.init(message: "a", count: 1), .init(message: "b", count: 3)])
        #expect(ended(&limiter, at: 7, all: true) == [])
    }

    @Test func watchesABoundedNumberOfMessages() {
        var limiter = Self.fiveInTenSeconds()
        for number in 0..<Self.limit { _ = admitted(1, "\(number)", by: &limiter, at: 0) }
        #expect(admitted(20, "one more", by: &limiter, at: 0) == 20, "written rather than lost")
    }

    @Test func oneLinePerSecondWithTheNumberSuppressed() {
        var limiter = Self.oneASecond()
        let second = Self.second
        let story: [(at: UInt64, admitted: Int?)] = [
            (5 * second, 0), (5 * second, nil), (5 * second + 1, nil), (6 * second - 1, nil), (6 * second, 3),
            (6 * second + 1, nil), (9 * second, 1), (20 * second, 0),
        ]
        for (at, admitted) in story { #expect(limiter.admit("gap", at: at) == admitted, "at \(at)") }
    }

    @Test func suppressedMessagesAreReportedEvenWithoutFurtherOnes() {
        var limiter = Self.oneASecond()
        let second = Self.second
        #expect(ended(&limiter, at: .max) == [])
        #expect(limiter.admit("gap", at: second) == 0)
        #expect(ended(&limiter, at: second) == [])
        #expect(limiter.admit("gap", at: second + 1) == nil)
        #expect(ended(&limiter, at: second + 2) == [])
        #expect(ended(&limiter, at: 2 * second) == [.init(message: "gap", count: 1)])
        #expect(ended(&limiter, at: .max) == [])
        #expect(limiter.admit("gap", at: 2 * second) == 0)
    }

    private func admitted(_ count: Int, _ message: String, by limiter: inout RepeatLimiter, at now: UInt64) -> Int {
        var admitted = 0
        for _ in 0..<count where limiter.admit(message, at: now) != nil { admitted += 1 }
        return admitted
    }

    private func ended(
        _ limiter: inout RepeatLimiter, at now: UInt64, all: Bool = false
    ) -> [RepeatLimiter.Omitted] {
        limiter.ended(at: now, all: all)
    }
}
