import Redis
import Testing

@testable import Preflight

@Suite struct PreflightFindingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let severity: PreflightFinding.Severity
        let change: @Sendable (inout PreflightReport) -> Void
    }

    /// A server without any finding.
    private static var good: PreflightReport {
        var report = PreflightReport()
        report.endpoint = "127.0.0.1:6379"
        report.roundTripNanoseconds = 300_000
        report.memory = RedisMemory(limit: 1 << 30, policy: "noeviction")
        report.persistence = RedisPersistence(appendOnlyFile: true, snapshots: "")
        report.outputBufferLimit = .init(hardBytes: 32 << 20, softBytes: 8 << 20, softSeconds: 60)
        report.clockDifferenceNanoseconds = -2_000_000
        report.channels = [ChannelReport(name: "chat", subscribers: 3, counter: .value(1_000))]
        report.directory = DirectoryReport(
            path: "/var/lib/relay", exists: true, freeBytes: 10 << 30, bytesPerSecond: 300e6)
        return report
    }

    static let cases: [Case] = [
        Case(testDescription: "no subscribers", severity: .warning) { $0.channels[0].subscribers = 0 },
        Case(testDescription: "a relay only", severity: .warning) {
            $0.channels[0].subscribers = 1
            $0.clients = SubscribedClients(observers: 1, others: 0)
        },
        Case(testDescription: "a relay only, as far as known", severity: .warning) {
            $0.channels[0].subscribers = 1
            $0.clients = SubscribedClients(observers: 1, others: 4)
        },
        Case(testDescription: "unreachable", severity: .problem) { $0.unreachable = "refused" },
        Case(testDescription: "a cluster", severity: .problem) { $0.objection = "cluster" },
        Case(testDescription: "no counter", severity: .warning) { $0.channels[0].counter = .absent },
        Case(testDescription: "another key", severity: .warning) { $0.channels[0].counter = .other("a list") },
        Case(testDescription: "near 1e14", severity: .warning) { $0.channels[0].counter = .value(99_999_999_999_000) },
        Case(testDescription: "SUBSCRIBE refused", severity: .problem) { $0.channels[0].refusal = "NOPERM" },
        Case(testDescription: "unlimited output buffer", severity: .warning) {
            $0.outputBufferLimit = .init(hardBytes: 0, softBytes: 0, softSeconds: 0)
        },
        Case(testDescription: "small output buffer", severity: .warning) {
            $0.outputBufferLimit = .init(hardBytes: 1 << 20, softBytes: 0, softSeconds: 0)
        },
        Case(testDescription: "may evict the counter", severity: .warning) { $0.memory?.policy = "allkeys-lru" },
        Case(testDescription: "no persistence", severity: .warning) { $0.persistence?.appendOnlyFile = false },
        Case(testDescription: "clock", severity: .warning) { $0.clockDifferenceNanoseconds = -3_000_000_000 },
        Case(testDescription: "slow round trip", severity: .warning) { $0.roundTripNanoseconds = 80_000_000 },
        Case(testDescription: "no directory", severity: .problem) { $0.directory?.problem = "is not there" },
        Case(testDescription: "low disk space", severity: .problem) { $0.directory?.freeBytes = 500 << 20 },
        Case(testDescription: "slow disk", severity: .warning) { $0.directory?.bytesPerSecond = 5e6 },
    ]

    @Test func noFindings() {
        #expect(Self.good.findings(minimumFreeBytes: 1 << 30) == [])
        var silent = PreflightReport()
        silent.channels = [ChannelReport(name: "chat")]
        #expect(silent.findings(minimumFreeBytes: 1 << 30) == [], "unknown values are no finding")
    }

    @Test(arguments: cases) func finds(_ testCase: Case) {
        var report = Self.good
        testCase.change(&report)
        #expect(report.findings(minimumFreeBytes: 1 << 30).map(\.severity) == [testCase.severity])
    }

    @Test func distinguishesSubscribers() {
        let list = """
            id=1 addr=127.0.0.1:5 name=backplane-relay sub=2 psub=0
            id=2 addr=127.0.0.1:6 name=backplane-relay-tail sub=1 psub=0
            id=3 addr=127.0.0.1:7 name=web1-backplane-relay sub=1 psub=0
            id=4 addr=127.0.0.1:8 name=backplane-relay-hub sub=1 psub=0
            id=5 addr=127.0.0.1:9 name=WEB1(SE.Redis-v2.8) sub=1 psub=0
            id=6 addr=127.0.0.1:9 name= sub=0 psub=3

            """
        let clients = SubscribedClients(list: list)
        #expect(clients == SubscribedClients(observers: 3, others: 2))
        #expect(clients.verdict(on: 4) == .mayBeNodes)
        #expect(clients.verdict(on: 3) == .unclear)
        #expect(clients.areAll(of: 5) && !clients.areAll(of: 4))
        #expect(SubscribedClients(observers: 2, others: 0).verdict(on: 1) == .observersOnly)
        #expect(SubscribedClients(observers: 0, others: 0).verdict(on: 1) == .mayBeNodes)
    }

    @Test func harmlessVariants() {
        var report = Self.good
        report.clients = SubscribedClients(observers: 2, others: 1)
        #expect(report.findings() == [], "three subscribers, two of them relays")
        report.memory = RedisMemory(limit: 0, policy: "allkeys-lru")
        report.persistence = RedisPersistence(appendOnlyFile: false, snapshots: "3600 1")
        report.outputBufferLimit = .init(hardBytes: 0, softBytes: 8 << 20, softSeconds: 60)
        #expect(report.findings() == [])
        report.persistence?.snapshots = nil
        #expect(report.findings() == [])
    }

    @Test func readsTheOutputBufferLimit() {
        let text = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
        #expect(
            PreflightReport.OutputBufferLimit(setting: text)
                == .init(hardBytes: 33_554_432, softBytes: 8_388_608, softSeconds: 60))
        for bad in ["", "pubsub", "pubsub 1 2", "pubsub a b c", "normal 0 0 0"] {
            #expect(PreflightReport.OutputBufferLimit(setting: bad) == nil)
        }
    }

    @Test func readsFields() {
        let info = InfoFields("# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n\r\n")
        #expect(info["maxmemory"] == "100" && info["maxmemory_policy"] == "noeviction" && info["absent"] == nil)
        let client = InfoFields(client: "id=7 addr=127.0.0.1:5 name=a=b omem=20504 tot-mem=1\n")
        #expect(client["id"] == "7" && client["omem"] == "20504" && client["name"] == "a=b")
    }
}
