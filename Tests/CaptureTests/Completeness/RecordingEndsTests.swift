import Backplane
import Testing

@testable import Capture

/// The state of a recording at its end, step by step.
@Suite struct RecordingEndsTests {
    enum Step {
        case id(UInt64)
        case event(CaptureEvent)
        case goesOn
        case stopped(UInt64?)
        case unclosed
    }

    struct Story: CustomTestStringConvertible {
        var testDescription: String
        var steps: [Step]
        var lastID: UInt64?
        /// Nil if known.
        var reason: RecordingDoubt.Reason?
        var cause: String?
    }

    private static func gap(_ from: UInt64, _ to: UInt64) -> Step {
        .event(.gap(channel: "chat", from: from, to: to, cause: .connectionLost))
    }
    private static let lost = Step.event(.disconnected(cause: "closed_by_server"))
    private static let doubt = Step.event(
        .mayBeMissing(channel: "chat", RecordingDoubt(after: 5, reason: .redisAway, cause: "connection_lost")))

    static let stories: [Story] = [
        Story(testDescription: "compared with the counter", steps: [.id(5), .stopped(5)], lastID: 5),
        Story(testDescription: "not compared", steps: [.id(5), .stopped(nil)], lastID: 5, reason: .notCompared),
        Story(testDescription: "not closed", steps: [.id(5), .unclosed], lastID: 5, reason: .unclosed),
        Story(testDescription: "rotated", steps: [.id(5), .goesOn], lastID: 5),
        Story(
            testDescription: "the connection was lost, and no envelope since", steps: [.id(5), lost, .goesOn],
            lastID: 5,
            reason: .connectionLost, cause: "connection_lost"),
        Story(
            testDescription: "lost, and the counter shows that nothing is missing", steps: [.id(5), lost, .stopped(5)],
            lastID: 5),
        Story(
            testDescription: "lost, and reported through the counter", steps: [.id(5), lost, gap(6, 8), .stopped(8)],
            lastID: 8),
        Story(
            testDescription: "lost, and reported through the counter, then rotated",
            steps: [.id(5), lost, gap(6, 8), .goesOn],
            lastID: 8),
        Story(testDescription: "lost, and the next id arrived", steps: [.id(5), lost, .id(6), .goesOn], lastID: 6),
        Story(
            testDescription: "the relay disconnected",
            steps: [.id(5), .event(.disconnected(cause: "stopped")), .stopped(5)], lastID: 5
        ),
        Story(
            testDescription: "the counter could not be read", steps: [.id(5), doubt, .stopped(nil)], lastID: 5,
            reason: .redisAway, cause: "connection_lost"),
        Story(
            testDescription: "and the next run received the next id",
            steps: [.id(5), doubt, .stopped(nil), .id(6), .stopped(6)], lastID: 6),
        Story(
            testDescription: "a crash during an outage has a known cause", steps: [.id(5), lost, .unclosed],
            lastID: 5,
            reason: .connectionLost, cause: "connection_lost"),
        Story(
            testDescription: "paused because disk space is low",
            steps: [.id(5), .event(.recordingPaused(free: 1)), .goesOn],
            lastID: 5, reason: .diskLow, cause: "disk_low"),
        Story(
            testDescription: "and the loss is reported",
            steps: [
                .id(5), .event(.recordingPaused(free: 1)),
                .event(.dropped(channel: "chat", envelopes: 2, bytes: 1, reason: "disk_low", ids: 6...7)),
                .event(.recordingResumed(free: 9)), .stopped(7),
            ], lastID: 7),
        Story(
            testDescription: "set back to the first id: everything is recorded",
            steps: [.id(5), .event(.counterReset(channel: "chat", from: 5, to: 1)), .id(1), .stopped(1)], lastID: 1),
        Story(
            testDescription: "set back after an outage: its previous value is unknown",
            steps: [.id(5), lost, .event(.counterReset(channel: "chat", from: 5, to: 1)), .id(1), .stopped(1)],
            lastID: 1, reason: .counterReset, cause: "connection_lost"),
        Story(
            testDescription: "a late id settles nothing", steps: [.id(5), lost, .id(3), .goesOn], lastID: 5,
            reason: .connectionLost, cause: "connection_lost"),
        Story(testDescription: "nothing at all", steps: [lost, .unclosed]),
    ]

    @Test(arguments: stories) func ends(_ story: Story) {
        var ends = RecordingEnds()
        for step in story.steps {
            switch step {
            case .id(let id): ends.recorded("chat", id: id)
            case .event(let event): ends.note(event)
            case .goesOn: ends.segmentEnded(.goesOn, otherwise: .notCompared)
            case .stopped(let id):
                ends.segmentEnded(.stopped(checkedIDs: id.map { ["chat": $0] } ?? [:]), otherwise: .notCompared)
            case .unclosed: ends.segmentEnded(nil, otherwise: .unclosed)
            }
        }
        #expect(ends.lastIDs["chat"] == story.lastID)
        #expect(ends.all["chat"]?.reason == story.reason)
        #expect(ends.all["chat"]?.cause == story.cause)
    }

    /// Information for the next run, from a closed and from an unclosed segment.
    @Test(arguments: [true, false]) func theNextRunKnowsTheCause(isClosed: Bool) throws {
        let directory = try TemporaryDirectory()
        do {
            var writer = makeWriter(directory.path)
            let now = try writer.record(1...5, from: .start)
            writer.append(.gap(channel: "chat", from: 6, to: 8, cause: .connectionLost), at: now)
            writer.append(
                .mayBeMissing(
                    channel: "chat", RecordingDoubt(after: 8, reason: .redisAway, cause: "connection_lost")), at: now)
            try writer.flush(now)
            if isClosed { try writer.close(now) }
        }
        let previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous.lastIDs == ["chat": 8], "ids reported missing are not reported again")
        #expect(previous.cause("chat") == .connectionLost)
        #expect(previous.cause("game") == .notRecording)
    }

    /// A run with other channels reports nothing about the previous run's channels, whether it was stopped, lost its
    /// connection or crashed.
    @Test(arguments: ["stopped", "connection lost", "not closed"])
    func aRunIsAboutItsOwnChannels(_ end: String) throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, channels: ["chat"])
        var now = try writer.record(1...5, from: .start)
        try writer.close(now, .stopped(checkedIDs: ["chat": 5]))
        do {
            now = now.after(milliseconds: 1_000)
            let previous = try CaptureDirectory.prepare(directory.path, at: now) { _ in }
            var writer = makeWriter(directory.path, channels: ["game"], previous: previous)
            now = try writer.record(1...3, from: now)
            if end == "connection lost" { writer.append(.disconnected(cause: "closed_by_server"), at: now) }
            try writer.flush(now)
            if end == "stopped" {
                try writer.close(now, .stopped(checkedIDs: ["game": 3]))
            } else if end == "connection lost" {
                try writer.close(now)
            }
        }
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        let doubts = Dictionary(uniqueKeysWithValues: summary.channels.map { ($0.channel, $0.mayBeMissing) })
        #expect(doubts["chat"] == .some(nil))
        #expect((doubts["game"] ?? nil) == nil ? end == "stopped" : end != "stopped")
        #expect(summary.verdict.isComplete == (end == "stopped" ? true : nil))
    }

    /// A channel attached while a segment is written belongs to it from then on.
    @Test func anAttachedChannelBelongsToTheSegment() {
        var ends = RecordingEnds()
        ends.segmentBegan(of: ["chat"])
        ends.recorded("chat", id: 5)
        ends.recorded("game", id: 2)
        ends.segmentEnded(.stopped(checkedIDs: ["chat": 5]), otherwise: .notCompared)
        #expect(ends.all["chat"] == nil)
        #expect(ends.all["game"]?.reason == .notCompared)
        ends.segmentEnded(.stopped(checkedIDs: ["game": 2]), otherwise: .notCompared)
        ends.segmentBegan(of: ["chat"])
        ends.segmentEnded(.stopped(checkedIDs: [:]), otherwise: .notCompared)
        #expect(ends.all["game"] == nil)
        #expect(ends.all["chat"]?.reason == .notCompared)
    }
}
