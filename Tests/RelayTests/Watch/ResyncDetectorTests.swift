import Redis
import Testing

@testable import Relay

/// Whether a replica has skipped part of its master's stream, report by report.
@Suite struct ResyncDetectorTests {
    /// As Redis 7 writes it; `end` and `full` describe the part of the stream that is kept.
    private static func report(
        role: String = "slave", link: String = "up", sync: Int = 0, offset: Int64, kept start: Int64? = 1,
        full: Bool = false, history: String = "a", before: String = "0000"
    ) -> ReplicationReport? {
        let link = "master_link_status:\(link)\r\nmaster_sync_in_progress:\(sync)\r\n"
        let own =
            role == "slave"
            ? "master_host:b\r\nmaster_port:1\r\n\(link)master_last_io_seconds_ago:3\r\nslave_repl_offset:\(offset)\r\n"
            : "connected_slaves:0\r\n"
        let kept =
            start.map {
                "repl_backlog_active:1\r\nrepl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:\($0)\r\nrepl_backlog_histlen:\(full ? 1_048_576 : 99)\r\n"
            } ?? "repl_backlog_active:0\r\nrepl_backlog_first_byte_offset:0\r\n"
        return ReplicationReport(
            info:
                "# Replication\r\nrole:\(role)\r\n\(own)master_replid:\(history)\r\nmaster_replid2:\(before)\r\nmaster_repl_offset:\(offset)\r\n\(kept)"
        )
    }

    private static let lost = report(link: "down", offset: 0)
    private static let transferring = report(link: "down", sync: 1, offset: 0)
    private static let linkLost = ReplicaNews.linkLost(master: "b:1")

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var reports: [ReplicationReport?]
        var news: [ReplicaNews?]

        init(_ description: String, _ reports: [ReplicationReport?], _ news: [ReplicaNews?]) {
            (testDescription, self.reports, self.news) = (description, reports, news)
        }
    }

    static let cases = [
        Case(
            "a master", [report(role: "master", offset: 0, kept: nil), report(role: "master", offset: 90)], [nil, nil]),
        Case("a replica that follows", [report(offset: 10), report(offset: 5_000)], [nil, nil]),
        Case(
            "the link breaks, and the stream goes on",
            [report(offset: 100), lost, lost, report(offset: 300)], [nil, linkLost, nil, .linkRestored]),
        Case(
            "the stream begins anew behind what was received",
            [report(offset: 100), lost, report(offset: 300, kept: 250)], [nil, linkLost, .resynced]),
        Case("the same between two reports", [report(offset: 100), report(offset: 300, kept: 250)], [nil, .resynced]),
        Case("it went on at the next byte", [report(offset: 100), report(offset: 300, kept: 101)], [nil, nil]),
        Case("the stream goes back", [report(offset: 100), report(offset: 40)], [nil, .resynced]),
        Case(
            "another history, already longer: the master was restarted",
            [report(offset: 100), report(offset: 900, history: "b")], [nil, .resynced]),
        Case(
            "a history that continues the known one: another replica was promoted",
            [report(offset: 100), lost, report(offset: 900, history: "b", before: "a")],
            [nil, linkLost, .linkRestored]),
        Case(
            "a transfer was seen",
            [report(offset: 100), lost, transferring, report(offset: 100)], [nil, linkLost, nil, .resynced]),
        Case(
            "the kept part is full and moves on with the stream",
            [report(offset: 100), report(offset: 2_000_000, kept: 951_425, full: true)], [nil, nil]),
        Case(
            "the same after a broken link: it may be a new one",
            [report(offset: 100), lost, report(offset: 2_000_000, kept: 951_425, full: true)],
            [nil, linkLost, .resynced]),
        Case(
            "a master is demoted to the replica of a stranger",
            [report(role: "master", offset: 0, kept: nil), report(offset: 0, history: "b")], [nil, .resynced]),
        Case(
            "a master hands over to its replica, and continues its stream",
            [report(role: "master", offset: 500), lost, report(offset: 600, history: "b", before: "a")],
            [nil, linkLost, .linkRestored]),
        Case(
            "a replica is promoted", [report(offset: 100), lost, report(role: "master", offset: 100)],
            [nil, linkLost, nil]),
    ]

    @Test(arguments: cases) func look(_ test: Case) throws {
        var detector = ResyncDetector()
        let news = try test.reports.map { detector.look(try #require($0)) }
        #expect(news == test.news)
    }

    @Test func whatIsUnknown() throws {
        #expect(ReplicationReport(info: "") == nil)
        let master = try #require(ReplicationReport(info: "role:master\r\n"))
        #expect(!master.isReplica && master.offset == 0 && master.backlog == nil && master.silence == nil)
        let silent = try #require(ReplicationReport(info: "role:slave\r\nmaster_last_io_seconds_ago:-1\r\n"))
        #expect(silent.isReplica && !silent.isLinked && silent.silence == nil && silent.master == nil)
        #expect(Self.report(offset: 7)?.silence == 3)
    }
}
