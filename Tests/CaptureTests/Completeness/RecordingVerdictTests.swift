import Foundation
import Testing

@testable import Capture

/// The rule shared by all commands: what is a loss, what is only missing, and what is unknown.
@Suite struct RecordingVerdictTests {
    /// Causes of `gap` and `dropped` events, and whether they count as loss.
    static let causes: [(cause: String, isLoss: Bool)] = [
        ("dropped", true), ("buffer_full", true), ("write_error", true), ("disk_low", true), ("connection_lost", true),
        ("too_large", true),
        ("output_buffer_limit", true), ("redis_restart", true), ("failover", true), ("stopped", true),
        ("segment_removed", true), ("segment_truncated", true), ("a word of a later version", true),
        ("not_recording", false), ("foreign_publish", false), ("unknown", false), ("segment_deleted", false),
        ("replica_resync", true), ("backlog_lost", true), ("segment_moved", false),
    ]

    @Test(arguments: causes) func whatIsMissing(cause: String, isLoss: Bool) {
        var verdict = RecordingVerdict()
        verdict.missing(cause: cause)
        #expect(verdict.isComplete == false)
        #expect(verdict.exitStatus == (isLoss ? 3 : 0))
    }

    @Test func everyCauseIsJudged() {
        #expect(GapCause.allCases.allSatisfy { cause in Self.causes.contains { $0.cause == cause.rawValue } })
    }

    /// Like a lost connection at a hub: it is not known whether anything was published meanwhile.
    @Test func aGapWithoutIDsIsADoubt() {
        var account = RecordingAccount()
        account.note(.gap(channel: "ChatHub", cause: .replicaResync))
        let verdict = account.verdict(isDamaged: false)
        #expect(verdict.isComplete == nil && verdict.exitStatus == 0)
    }

    @Test func completeIsTrueFalseOrNull() throws {
        struct Report: Encodable { var complete: RecordingVerdict }
        func json(_ change: (inout RecordingVerdict) -> Void) throws -> String {
            var verdict = RecordingVerdict()
            change(&verdict)
            let text = String(decoding: try JSONEncoder().encode(Report(complete: verdict)), as: UTF8.self)
            return "\(text) \(verdict.exitStatus)"
        }
        #expect(try json { _ in } == #"{"complete":true} 0"#)
        #expect(try json { $0.isInDoubt = true } == #"{"complete":null} 0"#)
        #expect(try json { $0.isDamaged = true } == #"{"complete":false} 3"#)
        #expect(try json { $0.hasLoss = true } == #"{"complete":false} 3"#)
        #expect(try json { $0.hasHoles = true } == #"{"complete":false} 0"#)
        #expect(
            try json {
                $0.hasHoles = true
                $0.isInDoubt = true
            } == #"{"complete":false} 0"#, "ids known to be missing are not in doubt")
    }

    /// What looked like a loss was an id of another counter.
    @Test func aWithdrawnGapIsNotALoss() {
        var account = RecordingAccount()
        let gap = CaptureEvent.gap(channel: "chat", from: 3, to: 10, cause: .connectionLost)
        account.note(gap)
        #expect(account.verdict(isDamaged: false).exitStatus == 3)
        let turn = { (channel: String, withdraws: [CaptureEvent.Withdrawn]) in
            CaptureEvent.interleaved(channel: channel, counters: 2, databases: nil, withdraws: withdraws)
        }
        account.note(turn("game", [CaptureEvent.Withdrawn(gap)].compactMap(\.self)))
        #expect(account.verdict(isDamaged: false).exitStatus == 3, "the gap is in another channel")
        account.note(turn("chat", [CaptureEvent.Withdrawn(gap)].compactMap(\.self)))
        let verdict = account.verdict(isDamaged: false)
        #expect(verdict.exitStatus == 0)
        #expect(verdict.isComplete == nil, "with several counters completeness is unknown")
        account.note(turn("chat", [CaptureEvent.Withdrawn(gap)].compactMap(\.self)))
        account.note(.gap(channel: "chat", from: 20, to: 21, cause: .connectionLost))
        #expect(account.verdict(isDamaged: false).exitStatus == 3, "a gap is withdrawn once")
    }
}
