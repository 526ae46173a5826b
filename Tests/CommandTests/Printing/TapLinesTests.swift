import Redis
import Testing

@testable import Preflight
@testable import backplane_relay

/// What `run --check-only --tap` prints about the tap, before anything is done.
@Suite struct TapLinesTests {
    /// A master that would fork at once for its first replica; the rate is 64 KiB/s.
    private static func printed(
        limits: TapLimits = TapLimits(), mayFallBack: Bool = false, hasChoice: Bool = false, rate: Double? = 65_536,
        _ change: (inout TapFacts) -> Void = { _ in }
    ) -> [String] {
        var facts = TapFacts(endpoint: "redis:6379")
        facts.server = RedisServerInfo(infoText: "redis_version:7.0.15\r\nredis_mode:standalone")
        facts.answersReplication = true
        facts.backlogSize = 8 << 20
        facts.memoryBytes = 200 << 20
        facts.forkMicroseconds = 42_000
        facts.isDiskless = true
        facts.syncDelaySeconds = 0
        facts.minReplicasToWrite = 0
        facts.omitsData = true
        change(&facts)
        var report = PreflightReport()
        report.tap = TapReport(
            policy: TapPolicy(limits: limits, mayFallBack: mayFallBack), facts: facts,
            plan: TapPlan(facts: facts, limits: limits, hasChoice: hasChoice), bytesPerSecond: rate,
            hasChoice: hasChoice, user: "relay")
        let lines = PreflightPrinter(report: report, findings: report.findings()).lines
        return Array(lines.drop { !$0.hasPrefix("tap ") })
    }

    private static let way =
        "tap           needs a full sync: Redis forks, and the data it then sends is skipped (Redis leaves out the keys)"
    private static let cost =
        "tap cost      a fork with 200.0 MiB used memory, the last fork took 42.0 ms, begins after repl-diskless-sync-delay 0 s, all that Redis writes is sent to the relay, now at most 64.0 KiB/s"
    private static let backlog =
        "tap backlog   8.0 MiB (repl-backlog-size), covers an outage of 2 min 8 s at this rate"
    private static let seen =
        "tap seen as   a replica of this master: INFO replication lists it, min-replicas-to-write (0) counts it, WAIT does not count it, Sentinel lists it with port 0 and never promotes it"
    private static let rights = "tap rights    ACL SETUSER relay +psync +replconf +ping"
    private static let passed = "OK            the relay can attach"
    private static let failed = "NOT OK        the relay cannot run as configured: 1 problem, 0 warnings"

    @Test func `a full sync is shown with the memory and the time of the last fork`() {
        #expect(Self.printed() == [Self.way, Self.cost, Self.backlog, Self.seen, Self.rights, "", Self.passed])
    }

    @Test func `before the first fork its time is left out, and before Redis 7 the keys are sent`() {
        let lines = Self.printed {
            $0.forkMicroseconds = 0
            $0.memoryBytes = nil
            $0.syncDelaySeconds = nil
            $0.omitsData = false
        }
        #expect(
            lines.prefix(2) == [
                "tap           needs a full sync: Redis forks, and the data it then sends is skipped",
                "tap cost      a fork with memory unknown, all that Redis writes is sent to the relay, now at most 64.0 KiB/s",
            ])
    }

    @Test func `a fork with much memory needs consent, with both figures`() {
        let lines = Self.printed { $0.memoryBytes = 3 << 30 }
        #expect(
            lines == [
                Self.way, Self.cost.replacing("200.0 MiB", with: "3.0 GiB"), Self.backlog, Self.seen, Self.rights, "",
                "problem       tapping the replication stream of Redis at redis:6379 needs a full sync, for which it forks with 3072 MiB of memory, more than the 256 MiB that are allowed; allow it, or name one of its replicas (--tap-full-sync-limit)",
                Self.failed,
            ])
        let allowed = Self.printed(limits: TapLimits(fullSyncBytes: 4 << 30)) { $0.memoryBytes = 3 << 30 }
        #expect(allowed.last == Self.passed)
    }

    @Test func `a sync that would write the server's RDB file is refused, or the relay subscribes instead`() {
        func write(_ facts: inout TapFacts) {
            facts.isDiskless = false
            facts.omitsData = false
        }
        let reason =
            "the replication stream of Redis at redis:6379 must not be tapped: it has no backlog yet, and without 'repl-diskless-sync yes' the first replica makes it write its RDB file; name one of its replicas, or override this"
        #expect(
            Self.printed(write).suffix(2) == ["problem       \(reason) (--tap=force)", Self.failed])
        #expect(
            Self.printed(mayFallBack: true, write).suffix(2) == [
                "warning       \(reason); the relay subscribes instead (--tap=force)",
                "OK            the relay can attach; 1 warning",
            ])
        #expect(Self.printed(limits: TapLimits(isForced: true), write).last == Self.passed)
    }

    @Test func `with a backlog nothing is forked, and a short one is a warning`() {
        let lines = Self.printed {
            $0.history = String(repeating: "a", count: 40)
            $0.offset = 5_000
            $0.backlog = ReplicationBacklog(start: 1, count: 5_000, size: 1 << 20)
        }
        #expect(
            lines == [
                "tap           joins the replication stream at its end, without a full sync",
                "tap cost      no fork (200.0 MiB used memory), all that Redis writes is sent to the relay, now 64.0 KiB/s",
                "tap backlog   1.0 MiB (repl-backlog-size), covers an outage of 16.0 s at this rate",
                Self.seen, Self.rights, "",
                "warning       the replication backlog holds 16 s of writes at the present rate: a longer outage of the relay loses envelopes; raise 'repl-backlog-size'",
                "OK            the relay can attach; 1 warning",
            ])
    }

    @Test(
        arguments: [
            (8 << 20, 0, "8.0 MiB (repl-backlog-size), nothing is written now"),
            (8 << 20, nil, "8.0 MiB (repl-backlog-size)"), (nil, 65_536, "unknown: INFO replication is denied"),
        ] as [(Int64?, Double?, String)])
    func `without a rate or a size no time is shown`(size: Int64?, rate: Double?, text: String) {
        let lines = Self.printed(rate: rate) { $0.backlogSize = size }
        #expect(lines[2] == "tap backlog   " + text)
    }

    @Test func `a backlog can be opened without a fork while the server waits before a sync`() {
        let lines = Self.printed { $0.syncDelaySeconds = 5 }
        #expect(
            lines.prefix(2) == [
                "tap           Redis has no backlog yet: a full sync is requested and withdrawn before it begins (repl-diskless-sync-delay 5 s), which creates the backlog; then joins the stream at its end",
                "tap cost      no fork (200.0 MiB used memory), all that Redis writes is sent to the relay, now at most 64.0 KiB/s",
            ])
    }

    @Test func `a master with min-replicas-to-write is refused`() {
        let lines = Self.printed { $0.minReplicasToWrite = 2 }
        #expect(
            lines.suffix(5) == [
                Self.seen.replacing("(0)", with: "(2)"), Self.rights, "",
                "problem       the replication stream of Redis at redis:6379 must not be tapped: it is a master with 'min-replicas-to-write 2', and would count the tap as a replica that has the data; name one of its replicas, or override this (--tap=force)",
                Self.failed,
            ])
    }

    @Test func `at a replica nobody else sees it`() {
        let lines = Self.printed(hasChoice: true) { $0.isReplica = true }
        #expect(
            lines[3]
                == "tap seen as   a replica of this replica: INFO replication here lists it; its master, min-replicas-to-write, WAIT and Sentinel do not see it"
        )
        #expect(lines.last == Self.passed)
    }

    @Test func `a refused right is shown with the command that grants it`() {
        let lines = Self.printed { $0.refusedCommands = ["PSYNC": "NOPERM no permission"] }
        #expect(
            lines.suffix(4) == [
                "tap rights    refused: PSYNC; ACL SETUSER relay +psync +replconf +ping", "",
                "problem       this Redis refuses its replication stream (PSYNC: NOPERM no permission); an administrator can grant it with: ACL SETUSER relay +psync +replconf +ping (--tap=prefer subscribes instead)",
                Self.failed,
            ])
    }
}
