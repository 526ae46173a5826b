import Testing

@testable import Relay

@Suite struct LogLimiterTests {
    @Test func oneLineASecondAndHowManyWereLeftOut() {
        var limiter = LogLimiter()
        let second = LogLimiter.interval
        let story: [(at: UInt64, admitted: Int?)] = [
            (5 * second, 0), (5 * second, nil), (5 * second + 1, nil), (6 * second - 1, nil), (6 * second, 3),
            (6 * second + 1, nil), (9 * second, 1), (20 * second, 0),
        ]
        for (at, admitted) in story { #expect(limiter.admit(at: at) == admitted, "at \(at)") }
    }

    @Test func whatIsHeldBackIsSaidThoughNoMoreComes() {
        var limiter = LogLimiter()
        let second = LogLimiter.interval
        #expect(limiter.flush(at: .max) == nil)
        #expect(limiter.admit(at: second) == 0)
        #expect(limiter.flush(at: .max) == nil)
        #expect(limiter.admit(at: second + 1) == nil)
        #expect(limiter.flush(at: second + 2) == nil)
        #expect(limiter.flush(at: 2 * second) == 1)
        #expect(limiter.flush(at: .max) == nil)
        #expect(limiter.admit(at: 2 * second) == 0)
    }
}
