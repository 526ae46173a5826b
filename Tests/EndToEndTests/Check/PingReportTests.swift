import Backplane
import Foundation
import Relay
import SignalRClient
import Testing

@testable import Check

/// Verdicts and sentences of a check by backplane pings.
@Suite struct PingReportTests {
    private static let named = PingSubject(node: "node 2", url: "http://n2/chathub", connection: "c2")
    private static let found = PingSubject(connection: "c7")
    private static let good = PingOutcome.answered(nanoseconds: 2_000_000)

    private static func row(_ subject: PingSubject, _ outcomes: [PingOutcome], lost: String? = nil) -> PingRow {
        PingRow(subject, PingTally(outcomes), lost: lost, redis: "redis:6379")
    }

    private static func report(_ rows: PingRow...) -> PingReport {
        PingReport(hub: CoreHub(prefix: "p:", type: "Chat"), redis: "redis:6379", rows: rows, duration: .seconds(2))
    }

    @Test(
        arguments: [
            (row(named, [good, good]), "ok", nil),
            (
                row(named, [good, .timedOut, .timedOut]), "2 without an answer",
                "node 2 http://n2/chathub: 2 of 3 pings had no answer within 5 s, though it is subscribed to the channel of its client's connection: it hangs, or its connection to Redis does not work"
            ),
            (
                row(named, [.gone, .gone]), "not subscribed",
                "node 2 http://n2/chathub: no node was subscribed to the channel of its client's connection on redis:6379: its connection to this Redis is lost, or it uses another Redis, hub type or channel prefix"
            ),
            (
                row(named, [good, .gone]), "1 not subscribed",
                "node 2 http://n2/chathub: for 1 of 2 pings no node was subscribed to the channel of its client's connection on redis:6379: its connection to this Redis is lost, or it uses another Redis, hub type or channel prefix"
            ),
            (
                row(named, [.gone], lost: "it is closed"), "connection lost",
                "node 2 http://n2/chathub: the client's connection was lost: it is closed"
            ),
            (
                PingRow(named, unreachable: .notConnected(node: "http://n2/chathub")), "no client connected",
                "node 2 http://n2/chathub: no client could connect, so it was not pinged: not connected to the hub node at http://n2/chathub"
            ),
            (row(found, [good]), "ok", nil), (row(found, [good, .gone]), "ended", nil),
            (row(found, [.gone]), "ended", nil),
            (
                row(found, [.timedOut]), "1 without an answer",
                "connection c7: 1 of 1 pings had no answer within 5 s, though a node is subscribed to the channel of the connection: it hangs, or its connection to Redis does not work; look for the connection in the logs of the nodes"
            ),
            // A ping that was not sent proves nothing.
            (row(found, [good, .notSent]), "ok", nil),
        ] as [(PingRow, String, String?)])
    func aRowNamesTheProblem(row: PingRow, result: String, fault: String?) {
        #expect(row.result == result)
        #expect(row.fault == fault)
        #expect(row.verdict == (fault == nil ? .pass : .fail))
    }

    @Test func aFigureIsMissingWithoutAnAnswer() {
        let row = Self.row(
            Self.named, [.answered(nanoseconds: 3_000_000), .answered(nanoseconds: 1_000_000), .timedOut, Self.good])
        #expect(row.pings == 4 && row.answered == 3 && row.roundTripSeconds == [0.003, 0.001, 0.002])
        #expect(row.medianSeconds == 0.002 && row.longestSeconds == 0.003)
        let silent = Self.row(Self.named, [.timedOut])
        #expect(silent.medianSeconds == nil && silent.longestSeconds == nil)
    }

    @Test func everyNodeMustAnswer() {
        let (good, bad) = (Self.row(Self.named, [Self.good]), Self.row(Self.named, [Self.good, .timedOut]))
        #expect(Self.report(good, good).verdict == .pass)
        #expect(Self.report(good, bad).verdict == .fail && Self.report(good, bad).faults.count == 1)
    }

    /// Connections end all the time; but without one that stays nothing is proven.
    @Test func anEndedConnectionIsNoFault() {
        let (good, ended) = (Self.row(Self.found, [Self.good]), Self.row(Self.found, [.gone]))
        #expect(Self.report(good, ended).verdict == .pass)
        let nothing = Self.report(ended, ended)
        #expect(nothing.verdict == .fail)
        #expect(nothing.faults == ["no ping was answered: all chosen connections ended; run the check again"])
    }

    @Test func jsonHasWhatIsKnown() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(Self.report(Self.row(Self.found, [Self.good]))), as: UTF8.self)
        #expect(
            json
                == #"{"durationSeconds":2,"faults":[],"hub":"p:Chat","redis":"redis:6379","rows":[{"answered":1,"connection":"c7","pings":1,"result":"ok","roundTripSeconds":[0.002],"verdict":"pass"}],"verdict":"pass"}"#
        )
    }
}
