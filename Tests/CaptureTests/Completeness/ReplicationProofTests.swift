import Backplane
import Testing

@testable import Capture

/// Whether envelopes without ids are complete by the offset of the replication stream.
@Suite struct ReplicationProofTests {
    enum Step: Sendable {
        case envelope
        case event(CaptureEvent)

        static let subscribed = Step.event(.subscribed(runID: nil, redisVersion: nil))
        static let lost = Step.event(.disconnected(cause: "closed_by_server"))
        static let stopped = Step.event(.disconnected(cause: "stopped"))
        static func link(_ offset: Int64) -> Step {
            .event(.subscribed(runID: nil, redisVersion: nil, replid: "h", offset: offset))
        }
        static func resumed(_ offset: Int64) -> Step { .event(.resumed(replid: "h", offset: offset)) }
        static func reached(_ offset: Int64) -> Step { .event(.replicated(replid: "h", offset: offset)) }
        static func gap(_ bytes: Int?) -> Step { .event(.backlogLost(bytes: bytes)) }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [Step]
        var isComplete: Bool?

        init(_ description: String, _ steps: [Step], _ isComplete: Bool?) {
            testDescription = description
            self.steps = steps
            self.isComplete = isComplete
        }
    }

    @Test(arguments: [
        Case("a subscription proves nothing", [.subscribed, .envelope, .stopped], nil),
        Case(
            "an unbroken subscription that a link takes over",
            [.subscribed, .envelope, .link(10), .envelope, .reached(90), .stopped], true),
        Case("a link that is still there", [.subscribed, .link(10), .envelope], true),
        Case(
            "a link that continued", [.subscribed, .link(10), .envelope, .lost, .resumed(20), .envelope, .stopped], true
        ),
        Case("a link that is lost", [.subscribed, .link(10), .envelope, .lost], nil),
        Case("a link that was lost at the stop", [.subscribed, .link(10), .envelope, .lost, .stopped], nil),
        Case(
            "part of the stream is missing",
            [.subscribed, .link(10), .envelope, .lost, .gap(5), .link(30), .envelope, .stopped], false),
        Case(
            "given up, with a subscription after it",
            [.subscribed, .link(10), .envelope, .lost, .gap(nil), .subscribed, .envelope, .stopped], false),
        Case(
            "given up without an event", [.subscribed, .link(10), .envelope, .lost, .subscribed, .envelope, .stopped],
            nil
        ),
        Case("the subscription was lost before", [.subscribed, .lost, .subscribed, .link(10), .envelope], nil),
        Case(
            "two runs: nothing recorded what came in between",
            [.subscribed, .link(10), .envelope, .reached(20), .stopped, .subscribed, .link(30), .envelope, .stopped],
            nil
        ),
        Case("earlier segments are gone", [.envelope, .reached(70), .envelope, .reached(90), .stopped], true),
        Case("earlier segments are gone, and a subscription followed", [.envelope, .subscribed, .link(10)], nil),
        Case("without events", [.envelope], nil),
    ])
    func table(_ test: Case) {
        var account = RecordingAccount()
        for step in test.steps {
            switch step {
            case .envelope: account.noteWireWithoutIDs()
            case .event(let event): account.note(event)
            }
        }
        #expect(account.replication.isComplete == test.isComplete)
        account.segmentEnded(.stopped(checkedIDs: [:]), otherwise: .notCompared)
        #expect(account.verdict(isDamaged: false).isComplete == test.isComplete)
        #expect(account.verdict(isDamaged: false).exitStatus == (test.isComplete == false ? 3 : 0))
    }

    @Test(
        "the bytes that were lost, as far as the server told",
        arguments: [
            ([1], "1 byte of the replication stream was lost"), ([5], "5 bytes of the replication stream were lost"),
            ([4_000, 96], "4,096 bytes of the replication stream were lost"),
            ([nil], "a part of unknown size of the replication stream was lost"),
            ([4_096, nil], "at least 4,096 bytes of the replication stream were lost"),
            ([nil, 1, nil], "at least 1 byte of the replication stream was lost"),
        ] as [([Int?], String)])
    func sentence(losses: [Int?], sentence: String) {
        var proof = ReplicationProof()
        proof.note(.subscribed(runID: nil, redisVersion: nil, replid: "h", offset: 10))
        for bytes in losses { proof.note(.backlogLost(bytes: bytes)) }
        #expect(proof.text == "not complete: \(sentence); received replication offset 10..10")
    }

    @Test("the ids of event keys show what a lost part of the stream contained")
    func eventKeys() {
        var account = RecordingAccount()
        for event: CaptureEvent in [
            .subscribed(runID: nil, redisVersion: nil, replid: "h", offset: 1), .disconnected(cause: "io_error"),
            .backlogLost(bytes: 9),
        ] { account.note(event) }
        account.segmentEnded(.stopped(checkedIDs: ["chat": 7]), otherwise: .notCompared)
        #expect(account.verdict(isDamaged: false).isComplete == true)
        account.note(.gap(channel: "chat", from: 8, to: 9, cause: .backlogLost))
        #expect(account.verdict(isDamaged: false).exitStatus == 3)
    }

    @Test("a link that continued removes the doubt of the connection that was lost, and no other")
    func doubts() {
        var ends = RecordingEnds(lastIDs: ["chat": 7, "other": 3])
        ends.note(.mayBeMissing(channel: "other", RecordingDoubt(after: 3, reason: .redisAway)))
        ends.note(.disconnected(cause: "io_error"))
        #expect(ends.doubts.keys.sorted() == ["chat", "other"])
        ends.note(.resumed(replid: "h", offset: 5))
        #expect(ends.doubts.keys == ["other"])
    }

    @Test("events with an offset keep it in JSON; older ones have none")
    func json() throws {
        let event = CaptureEvent.subscribed(runID: "r", redisVersion: "7.0.15", replid: "abc", offset: 1_234)
        let text = #"{"event":"subscribed","offset":1234,"redis_version":"7.0.15","replid":"abc","run_id":"r"}"#
        #expect(String(decoding: event.json(), as: UTF8.self) == text)
        #expect(event.json().withUnsafeBytes { CaptureEvent(json: $0) } == event)
        let old = Array(#"{"event":"subscribed","run_id":"r"}"#.utf8)
        #expect(old.withUnsafeBytes { CaptureEvent(json: $0) } == .subscribed(runID: "r", redisVersion: nil))
        let gap = String(decoding: CaptureEvent.backlogLost(bytes: 5).json(), as: UTF8.self)
        #expect(gap == #"{"bytes":5,"cause":"backlog_lost","event":"gap"}"#)
    }
}
