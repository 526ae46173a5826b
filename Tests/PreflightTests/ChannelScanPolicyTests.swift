import Testing

@testable import Preflight

@Suite struct ChannelScanPolicyTests {
    private static let second: UInt64 = 1_000_000_000
    private static let millisecond: UInt64 = 1_000_000

    struct Case: Sendable {
        /// The previous reply: its duration in milliseconds, and its time in seconds.
        var before: (took: UInt64, at: UInt64)?
        var channels: Int?
        var now: UInt64
        var decision: ChannelScanPolicy.Decision
    }

    static let cases: [Case] = [
        Case(channels: 0, now: 0, decision: .ask),
        Case(channels: 20_000, now: 0, decision: .ask),
        Case(channels: 20_001, now: 0, decision: .leave(.tooMany(channels: 20_001, limit: 20_000))),
        Case(channels: 200_000, now: 0, decision: .leave(.tooMany(channels: 200_000, limit: 20_000))),
        Case(channels: nil, now: 0, decision: .leave(.unknownNumber)),
        Case(before: (1, 10), channels: 5, now: 309, decision: .leave(.askedLately)),
        Case(before: (1, 10), channels: 5, now: 310, decision: .ask),
        Case(before: (10, 10), channels: 5, now: 310, decision: .ask),
        Case(before: (11, 10), channels: 5, now: 310, decision: .leave(.tookLong(nanoseconds: 11 * millisecond))),
        Case(before: (11, 10), channels: 5, now: 1_000_000, decision: .leave(.tookLong(nanoseconds: 11 * millisecond))),
    ]

    @Test(arguments: cases) func decision(_ test: Case) {
        var policy = ChannelScanPolicy()
        if let before = test.before { policy.answered(in: before.took * Self.millisecond, at: before.at * Self.second) }
        #expect(policy.decision(channels: test.channels, at: test.now * Self.second) == test.decision)
        // The number of channels is not queried if it would not matter.
        switch test.decision {
        case .leave(.askedLately), .leave(.tookLong): #expect(!policy.mayAsk(at: test.now * Self.second))
        default: #expect(policy.mayAsk(at: test.now * Self.second))
        }
    }

    @Test func aSeparateLimit() {
        #expect(ChannelScanPolicy(limit: 300_000).decision(channels: 200_000, at: 0) == .ask)
        #expect(
            ChannelScanPolicy(limit: 0).decision(channels: 1, at: 0) == .leave(.tooMany(channels: 1, limit: 0)))
    }

    @Test func aRefusalIsNotReconsideredImmediately() {
        var policy = ChannelScanPolicy()
        policy.left(at: 0)
        #expect(!policy.mayAsk(at: 299 * Self.second))
        #expect(policy.mayAsk(at: 300 * Self.second))
    }
}
