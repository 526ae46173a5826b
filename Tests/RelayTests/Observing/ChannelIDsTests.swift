import Backplane
import Capture
import Redis
import Testing

@testable import Relay

/// Conclusions from the ids of a channel: the same for `run` and `tail`.
@Suite struct ChannelIDsTests {
    enum Step {
        case lost
        /// Redis was restarted, with or without the keys of the previous process.
        case restarted(isEmpty: Bool)
        /// Another server took over, and the subscription began again there.
        case failedOver
        case arrives(UInt64?)
        case drops(ClosedRange<UInt64>)
        case counter(CounterReading, isLast: Bool = false)
    }

    struct Story: CustomTestStringConvertible {
        var testDescription: String
        var earlierID: UInt64?
        var steps: [Step]
        var findings: [ChannelIDs.Finding]
        var checkedID: UInt64?
    }

    private static func hole(_ ids: ClosedRange<UInt64>, _ cause: GapCause) -> ChannelIDs.Hole {
        ChannelIDs.Hole(ids: ids, cause: cause)
    }

    private static func subscription(_ runID: String, isEmpty: Bool) -> Subscription {
        let text =
            "run_id:\(runID)\r\nrole:master\r\naof_enabled:0\r\nrdb_last_load_keys_loaded:\(isEmpty ? 0 : 3)\r\n"
        return Subscription(server: RedisServerInfo(infoText: text), connectionID: nil, endpoint: "redis:6379")
    }

    private static func doubt(
        after id: UInt64, _ reason: RecordingDoubt.Reason, _ cause: GapCause
    ) -> ChannelIDs.Finding {
        .doubt(RecordingDoubt(after: id, reason: reason, cause: cause.rawValue))
    }

    static let stories: [Story] = [
        Story(testDescription: "in line", steps: [.arrives(1), .arrives(2), .arrives(nil), .arrives(3)], findings: []),
        Story(
            testDescription: "the connection was fine", steps: [.arrives(1), .arrives(4)],
            findings: [.jump(2...3)]),
        Story(
            testDescription: "a lost connection explains the first gap after it",
            steps: [.arrives(1), .lost, .arrives(3), .arrives(5)],
            findings: [
                .missing(earlier: nil, hole(2...2, .connectionLost)),
                .jump(4...4),
            ]),
        Story(
            testDescription: "since an earlier run", earlierID: 5, steps: [.arrives(8), .arrives(10)],
            findings: [
                .missing(earlier: hole(6...7, .notRecording), nil),
                .jump(9...9),
            ]),
        Story(
            testDescription: "the counter shows where this run started", earlierID: 5,
            steps: [.counter(.value(9)), .lost, .arrives(12)],
            findings: [.missing(earlier: hole(6...9, .notRecording), hole(10...11, .connectionLost))]),
        Story(
            testDescription: "before the very first id", steps: [.counter(.value(3)), .lost, .arrives(6)],
            findings: [.missing(earlier: nil, hole(4...5, .connectionLost))]),
        Story(
            testDescription: "duplicates and resets of an earlier run are not counted", earlierID: 5,
            steps: [.arrives(5), .arrives(5), .arrives(1)],
            findings: [
                .duplicate(5, isOfThisRun: false), .duplicate(5, isOfThisRun: true),
                .counterReset(from: 5, to: 1, isOfThisRun: true),
            ]),
        Story(
            testDescription: "dropped ids are missing, and the ids before them",
            steps: [.arrives(1), .drops(4...6), .arrives(7)],
            findings: [.jump(2...3), .missing(earlier: nil, hole(4...6, .dropped))]),
        Story(
            testDescription: "a repeated drop was already reported", steps: [.arrives(4), .drops(4...4)],
            findings: [.duplicate(4, isOfThisRun: true)]),
        Story(
            testDescription: "all assigned ids arrived", steps: [.arrives(4), .counter(.value(4), isLast: true)],
            findings: [], checkedID: 4),
        Story(
            testDescription: "some had not arrived at the stop",
            steps: [.arrives(4), .counter(.value(4)), .counter(.value(6), isLast: true)],
            findings: [.missing(earlier: nil, hole(5...6, .foreignPublish))], checkedID: 6),
        Story(
            testDescription: "the counter cannot be read at the stop",
            steps: [.arrives(4), .counter(.unreadable(.counterNotPermitted), isLast: true)],
            findings: [.doubt(RecordingDoubt(after: 4, reason: .counterNotPermitted, cause: nil))]),
        Story(
            testDescription: "set back in a disruption, its first ids unseen: the envelope comes first",
            steps: [.arrives(5), .lost, .arrives(2), .counter(.value(2)), .arrives(3), .counter(.value(3))],
            findings: [
                .counterReset(from: 5, to: 2, isOfThisRun: true),
                doubt(after: 5, .counterInconsistent, .connectionLost),
            ]),
        Story(
            testDescription: "the same: the reading comes first",
            steps: [.arrives(5), .lost, .counter(.value(2)), .arrives(3), .counter(.value(3))],
            findings: [
                doubt(after: 5, .counterInconsistent, .connectionLost),
                .counterReset(from: 5, to: 3, isOfThisRun: true),
            ]),
        Story(
            testDescription: "set back, but from its first id on",
            steps: [.arrives(5), .lost, .arrives(1), .counter(.value(1))],
            findings: [.counterReset(from: 5, to: 1, isOfThisRun: true)]),
        Story(
            testDescription: "each disruption is a doubt of its own",
            steps: [.arrives(5), .lost, .counter(.value(2)), .lost, .counter(.value(3))],
            findings: [
                doubt(after: 5, .counterInconsistent, .connectionLost),
                doubt(after: 5, .counterInconsistent, .connectionLost),
            ]),
        Story(
            testDescription: "missing ids are assigned again by the master that took over",
            steps: [.arrives(5), .lost, .counter(.value(8)), .arrives(9), .failedOver, .arrives(6), .arrives(7)],
            findings: [
                .missing(earlier: nil, hole(6...8, .connectionLost)),
                .counterReset(from: 9, to: 6, isOfThisRun: true, isSure: true),
            ]),
        Story(
            testDescription: "a server without its keys has reached the last id again",
            steps: [.arrives(5), .restarted(isEmpty: true), .arrives(6), .arrives(7)],
            findings: [.counterReset(from: 5, to: 6, isOfThisRun: true, isSure: true)]),
        Story(
            testDescription: "the same with the last id itself",
            steps: [.arrives(5), .restarted(isEmpty: true), .arrives(5), .arrives(6)],
            findings: [.counterReset(from: 5, to: 5, isOfThisRun: true, isSure: true)]),
        Story(
            testDescription: "the same, and the reading comes first",
            steps: [.arrives(5), .restarted(isEmpty: true), .counter(.value(5)), .counter(.value(5)), .arrives(6)],
            findings: [
                doubt(after: 5, .counterReset, .redisRestart),
                .counterReset(from: 5, to: 6, isOfThisRun: true, isSure: true),
            ]),
        Story(
            testDescription: "a server that kept its keys goes on",
            steps: [.arrives(5), .restarted(isEmpty: false), .counter(.value(5)), .arrives(6), .counter(.value(6))],
            findings: []),
        Story(
            testDescription: "a server that had no keys before either is not reported",
            steps: [.arrives(5), .lost, .arrives(6), .counter(.value(6))], findings: []),
    ]

    @Test(arguments: stories) func tells(_ story: Story) {
        var disruptions = Disruptions()
        disruptions.subscribed(Self.subscription("a", isEmpty: true))
        var ids = ChannelIDs(earlierID: story.earlierID, cause: .notRecording)
        var findings: [ChannelIDs.Finding] = []
        var checkedID: UInt64?
        for step in story.steps {
            switch step {
            case .lost: disruptions.disconnected(.closedByServer)
            case .restarted(let isEmpty):
                disruptions.disconnected(.closedByServer)
                disruptions.subscribed(Self.subscription("b", isEmpty: isEmpty))
            case .failedOver:
                disruptions.disconnected(.failover)
                disruptions.subscribed(Self.subscription("b", isEmpty: false))
                ids.resubscribed()
            case .arrives(let id):
                let sequence = ids.observe(id)
                let isInLine = ids.isInLine(sequence, disruptions: disruptions.count)
                let finding = ids.finding(sequence, id: id, amid: disruptions)
                #expect(!isInLine || finding == nil)
                if let finding { findings.append(finding) }
            case .drops(let range): findings += ids.dropped(range, amid: disruptions)
            case .counter(let reading, let isLast):
                let look = CounterReadings(counters: [reading], isFenced: true, isLast: isLast)
                let outcome = ids.compare(reading, of: look, amid: disruptions)
                if let finding = outcome.finding { findings.append(finding) }
                checkedID = outcome.checkedID
            }
        }
        #expect(findings == story.findings)
        #expect(checkedID == story.checkedID)
    }

    /// The first effects of two alternating counters are uncertain, and withdrawn at the first alternation.
    @Test func deviationsExplainedByAnotherCounter() throws {
        var ids = ChannelIDs()
        var disruptions = Disruptions()
        func arrives(_ id: UInt64, isTwin: Bool = false) -> ChannelIDs.Finding? {
            ids.finding(ids.observe(id, isTwin: isTwin), id: id, isTwin: isTwin, amid: disruptions)
        }
        #expect(arrives(100) == nil)
        #expect(arrives(100) == .duplicate(100, isOfThisRun: true, isSure: true))
        let jump = try #require(arrives(5_000))
        #expect(jump == .jump(101...4_999) && !jump.isSure)
        let gap = CaptureEvent.Withdrawn(.gap(from: 101, to: 4_999))
        let turns = [101, 5_001, 102, 5_002, 103].compactMap { arrives($0) }
        #expect(turns.contains(.turn(isNews: true, withdraws: [gap].compactMap { $0 })), "\(turns)")
        ids = ChannelIDs()
        #expect(arrives(100) == nil)
        #expect(arrives(7) == .counterReset(from: 100, to: 7, isOfThisRun: true, isSure: false))
        #expect(arrives(7, isTwin: true) == .duplicate(7, isOfThisRun: true, isSure: false))
        ids = ChannelIDs()
        #expect(arrives(100) == nil)
        disruptions.disconnected(.failover)
        #expect(arrives(7) == .counterReset(from: 100, to: 7, isOfThisRun: true, isSure: true))
    }
}
