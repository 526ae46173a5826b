import Testing

@testable import Redis

/// How a tap attaches, and whether it may.
@Suite struct TapPlanTests {
    private static let history = String(repeating: "a", count: 40)
    private static let before = String(repeating: "b", count: 40)

    /// A master with a backlog of 1,000 bytes at offset 5,000.
    private static func facts(_ change: (inout TapFacts) -> Void = { _ in }) -> TapFacts {
        var facts = TapFacts(endpoint: "redis:6379")
        facts.server = RedisServerInfo(infoText: "redis_version:7.0.15\r\nredis_mode:standalone")
        facts.answersReplication = true
        facts.history = history
        facts.offset = 5_000
        facts.backlog = ReplicationBacklog(start: 4_001, count: 1_000, size: 1_000)
        facts.memoryBytes = 1 << 20
        facts.isDiskless = true
        facts.syncDelaySeconds = 5
        facts.omitsData = true
        change(&facts)
        return facts
    }

    private static func at(_ offset: Int64, _ history: String = history) -> ReplicationPosition {
        ReplicationPosition(history: history, offset: offset)
    }

    @Test(
        arguments: [
            (nil, TapWay.join(at(5_000))), (at(5_000), .resume(at(5_000))), (at(4_000), .resume(at(4_000))),
            (at(3_999), .join(at(5_000))), (at(5_001), .join(at(5_000))), (at(4_500, before), .join(at(5_000))),
        ] as [(ReplicationPosition?, TapWay)])
    func `with a backlog there is no full sync`(last: ReplicationPosition?, way: TapWay) {
        let plan = TapPlan(facts: Self.facts(), last: last, sinceFullSync: .zero)
        #expect(plan.way == way)
        #expect(plan.verdict == .allowed)
    }

    /// A promoted replica: up to its offset of that moment the histories are the same.
    @Test(
        arguments: [
            (4_500, TapWay.resume(at(4_500, before))), (4_799, .resume(at(4_799, before))),
        ] as [(Int64, TapWay)])
    func `of the previous history`(offset: Int64, way: TapWay) {
        let facts = Self.facts {
            $0.previousHistory = Self.before
            $0.previousHistoryEnd = 4_800
        }
        #expect(TapPlan(facts: facts, last: Self.at(offset, Self.before)).way == way)
    }

    /// The tap followed the former master past the promotion: what it read there is not in this stream.
    @Test(
        arguments: [
            (4_800, TapWay.resume(at(4_799)), nil), (6_000, .resume(at(4_799)), nil),
            (4_799, .resume(at(4_799, before)), nil),
        ] as [(Int64, TapWay, TapAttachment.Loss?)])
    func `after a fork it continues at the last common offset`(offset: Int64, way: TapWay, loss: TapAttachment.Loss?) {
        let facts = Self.facts {
            $0.previousHistory = Self.before
            $0.previousHistoryEnd = 4_800
        }
        let last = Self.at(offset, Self.before)
        #expect(TapPlan(facts: facts, last: last, hasChoice: true, mayWait: true).way == way)
        #expect(facts.loss(since: last, at: Self.at(4_799)) == loss)
        // The backlog no longer contains that offset: this many bytes of this branch are missing.
        let late = Self.facts {
            $0.previousHistory = Self.before
            $0.previousHistoryEnd = 3_000
        }
        #expect(TapPlan(facts: late, last: last).way == .join(Self.at(5_000)))
        #expect(late.loss(since: last, at: Self.at(5_000)) == .backlogLost(bytes: 2_001))
    }

    @Test func `of several servers, one that continues the stream is preferred`() {
        func verdict(
            _ last: ReplicationPosition?, hasChoice: Bool = true, mayWait: Bool = true, isForced: Bool = false,
            isReplica: Bool = true
        ) -> TapPlan.Verdict {
            TapPlan(
                facts: Self.facts { $0.isReplica = isReplica }, last: last, limits: TapLimits(isForced: isForced),
                hasChoice: hasChoice, mayWait: mayWait
            ).verdict
        }
        let (ahead, overrun, other) = (Self.at(5_100), Self.at(3_000), Self.at(4_500, Self.before))
        // A replica that lags has the offset soon; attaching now would repeat what was read.
        #expect(verdict(ahead) == .passedOver(.behind(bytes: 100)))
        #expect(verdict(ahead, hasChoice: false) == .passedOver(.behind(bytes: 100)))
        #expect(verdict(ahead, mayWait: false) == .allowed)
        #expect(verdict(Self.at(5_000)) == .allowed)
        // No other server can help.
        #expect(verdict(overrun) == .allowed)
        #expect(verdict(other) == .passedOver(.otherHistory))
        #expect(verdict(other, hasChoice: false) == .allowed)
        #expect(verdict(other, mayWait: false) == .allowed)
        #expect(verdict(nil) == .allowed)
        // A master only to continue the stream.
        #expect(verdict(Self.at(4_500), isReplica: false) == .allowed)
        #expect(verdict(overrun, isReplica: false) == .passedOver(.otherHistory))
        #expect(verdict(overrun, mayWait: false, isReplica: false) == .refused([.masterOfSeveral]))
        #expect(verdict(nil, isReplica: false) == .refused([.masterOfSeveral]))
        #expect(verdict(nil, hasChoice: false, isReplica: false) == .allowed)
        #expect(verdict(nil, isForced: true, isReplica: false) == .allowed)
        #expect(verdict(overrun, isForced: true, isReplica: false) == .allowed)
    }

    @Test func `without a backlog`() {
        func way(_ mayOpenBacklog: Bool = true, _ change: (inout TapFacts) -> Void) -> TapWay {
            let facts = Self.facts {
                $0.backlog = nil
                change(&$0)
            }
            return TapPlan(facts: facts, last: Self.at(5_000), mayOpenBacklog: mayOpenBacklog).way
        }
        #expect(way { _ in } == .openBacklog)
        #expect(way(false) { _ in } == .fullSync)
        #expect(way { $0.syncDelaySeconds = 1 } == .fullSync)
        #expect(way { $0.syncDelaySeconds = nil } == .fullSync)
        #expect(way { $0.isDiskless = false } == .fullSync)
        #expect(way { $0.syncMaxReplicas = 1 } == .fullSync)
        // It may have one after all.
        #expect(way { $0.answersReplication = false } == .resume(Self.at(5_000)))
    }

    /// Whether it becomes a full sync is unknown.
    @Test func `a server that says nothing needs consent`() {
        var facts = TapFacts(endpoint: "redis:6379")
        facts.omitsData = true
        let last = Self.at(5_000)
        let plan = TapPlan(facts: facts, last: last, limits: TapLimits(fullSyncBytes: .max), sinceFullSync: .zero)
        #expect(plan.way == .resume(last))
        #expect(plan.verdict == .allowed)
        #expect(TapPlan(facts: facts, last: last).verdict == .needsConsent(bytes: nil))
        #expect(TapPlan(facts: facts).way == .fullSync)
    }

    @Test func `what a full sync needs`() {
        func verdict(
            _ limits: TapLimits = TapLimits(), since: Duration? = nil, _ change: (inout TapFacts) -> Void = { _ in }
        ) -> TapPlan.Verdict {
            let facts = Self.facts {
                $0.backlog = nil
                $0.syncDelaySeconds = 0
                change(&$0)
            }
            return TapPlan(facts: facts, limits: limits, sinceFullSync: since).verdict
        }
        let large: Int64 = 256 << 20
        #expect(verdict() == .allowed)
        #expect(verdict { $0.memoryBytes = large } == .allowed)
        #expect(verdict { $0.memoryBytes = large + 1 } == .needsConsent(bytes: large + 1))
        #expect(verdict { $0.memoryBytes = nil } == .needsConsent(bytes: nil))
        #expect(verdict(TapLimits(fullSyncBytes: .max)) { $0.memoryBytes = nil } == .allowed)
        #expect(verdict(since: .seconds(599)) == .tooSoon(left: .seconds(1)))
        #expect(verdict(since: .seconds(600)) == .allowed)
        #expect(verdict { $0.isDiskless = false } == .allowed)
        #expect(verdict { ($0.isDiskless, $0.omitsData) = (false, false) } == .refused([.writesFile]))
        #expect(verdict { ($0.isDiskless, $0.omitsData) = (nil, false) } == .refused([.writesFile]))
        #expect(verdict(TapLimits(isForced: true)) { ($0.isDiskless, $0.omitsData) = (false, false) } == .allowed)
    }

    @Test func `what is refused in any way`() {
        func verdict(_ isForced: Bool = false, _ change: (inout TapFacts) -> Void) -> TapPlan.Verdict {
            TapPlan(facts: Self.facts(change), limits: TapLimits(isForced: isForced)).verdict
        }
        func inCluster(_ facts: inout TapFacts) { facts.server?.mode = "cluster" }
        #expect(verdict(false, inCluster) == .refused([.cluster]))
        #expect(verdict(true, inCluster) == .refused([.cluster]))
        #expect(verdict { $0.minReplicasToWrite = 2 } == .refused([.minReplicas(2)]))
        #expect(verdict(true) { $0.minReplicasToWrite = 2 } == .allowed)
        #expect(verdict { ($0.minReplicasToWrite, $0.isReplica) = (2, true) } == .allowed)
        #expect(verdict { $0.minReplicasToWrite = 0 } == .allowed)
        // CONFIG is refused.
        #expect(verdict { $0.countsGoodReplicas = true } == .refused([.minReplicas(nil)]))
        #expect(verdict(true) { $0.countsGoodReplicas = true } == .allowed)
        #expect(verdict { ($0.isReplica, $0.countsGoodReplicas) = (true, true) } == .allowed)
    }

    @Test(
        arguments: [
            (at(5_000), at(5_000), nil), (at(3_000), at(5_000), .backlogLost(bytes: 2_000)),
            (at(5_001), at(5_000), .otherHistory), (at(3_000, before), at(5_000), .otherHistory),
        ] as [(ReplicationPosition, ReplicationPosition, TapAttachment.Loss?)])
    func losses(last: ReplicationPosition, now: ReplicationPosition, loss: TapAttachment.Loss?) {
        #expect(Self.facts().loss(since: last, at: now) == loss)
        #expect(Self.facts().loss(since: nil, at: now) == nil)
    }

    @Test func `the errors say what to do, and never an option`() {
        for reason in [TapRefusal.cluster, .writesFile, .minReplicas(3), .minReplicas(nil), .masterOfSeveral] {
            let text = TapError.refused(endpoint: "redis:6379", [reason]).description
            #expect(text.contains("redis:6379"))
            #expect(text.contains("override") == reason.isOverridable)
            #expect(!text.contains("--"))
        }
        let consent = TapError.consentNeeded(endpoint: "redis:6379", bytes: 3 << 30, limit: 256 << 20).description
        #expect(consent.contains("3072 MiB"))
        #expect(consent.contains("256 MiB"))
        let unknown = TapError.consentNeeded(endpoint: "redis:6379", bytes: nil, limit: 256 << 20).description
        #expect(unknown.contains("an unknown amount of memory") && !unknown.contains("256"))
        #expect(TapRefusal.minReplicas(3).description.contains("'min-replicas-to-write 3',"))
        #expect(TapRefusal.minReplicas(nil).description.contains("'min-replicas-to-write' above 0,"))
        #expect(TapError.tooSoon(endpoint: "redis:6379", secondsLeft: 30).isTransient)
    }
}
