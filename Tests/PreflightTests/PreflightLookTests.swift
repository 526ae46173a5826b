import Redis
import TestSupport
import Testing

@testable import Preflight

/// Commands sent to a Redis, and the handling of each reply and refusal.
@Suite struct PreflightLookTests {
    private static let info = [
        "redis_version:7.2.4", "run_id:r1", "redis_mode:standalone", "role:master", "maxmemory:100",
        "maxmemory_policy:allkeys-lru", "aof_enabled:1",
    ].joined(separator: "\r\n")

    /// A server that answers everything.
    @Sendable private static func open(_ command: [String]) -> String? {
        switch command.map({ $0.uppercased() }) {
        case let words where words.first == "INFO": ScriptedRedis.bulk(info)
        case let words where words.starts(with: ["CONFIG", "GET", "CLIENT-OUTPUT-BUFFER-LIMIT"]):
            ScriptedRedis.bulks(["client-output-buffer-limit", "normal 0 0 0 pubsub 33554432 8388608 60"])
        case let words where words.starts(with: ["CONFIG", "GET", "SAVE"]): ScriptedRedis.bulks(["save", "3600 1"])
        case let words where words.first == "PUBSUB": "*2\r\n" + ScriptedRedis.bulk("chat") + "\r\n:3"
        case let words where words.first == "GET": ScriptedRedis.bulk("812")
        case let words where words.starts(with: ["CLIENT", "LIST"]):
            ScriptedRedis.bulk("id=1 addr=a name=backplane-relay sub=1 psub=0\nid=2 addr=b name=web sub=1 psub=0\n")
        default: nil
        }
    }

    private func look(_ script: @escaping ScriptedRedis.Script) async throws -> PreflightReport {
        try await ScriptedRedis.with(script) { redis in
            let client = try await RedisClient.connect(to: redis.configuration, eventLoopGroup: redis.eventLoopGroup)
            let preflight = Preflight(client: client, configuration: redis.configuration, channels: ["chat"])
            do {
                let report = try await preflight.look()
                await client.close()
                return report
            } catch {
                await client.close()
                throw error
            }
        }
    }

    @Test func everythingIsReported() async throws {
        let report = try await look(Self.open)
        #expect(report.server?.runID == "r1" && report.objection == nil && report.user == "default")
        #expect(report.memory == RedisMemory(limit: 100, policy: "allkeys-lru"))
        #expect(report.persistence == RedisPersistence(appendOnlyFile: true, snapshots: "3600 1"))
        #expect(report.outputBufferLimit?.hardBytes == 33_554_432)
        #expect(report.channels == [ChannelReport(name: "chat", subscribers: 3, counter: .value(812))])
        #expect(report.clients == SubscribedClients(observers: 1, others: 1))
        #expect(report.clockDifferenceNanoseconds != nil && report.roundTripNanoseconds > 0)
        #expect(report.notPermitted.isEmpty)
    }

    struct Denial: Sendable, CustomTestStringConvertible {
        /// The command that the ACL does not permit, in upper case.
        let command: String
        /// True if its result is missing.
        let isUnknown: @Sendable (PreflightReport) -> Bool

        var testDescription: String { command }
    }

    static let denials: [Denial] = [
        Denial(command: "PING") { _ in true },
        Denial(command: "INFO") { $0.server == nil && $0.memory == nil && $0.persistence == nil },
        Denial(command: "ACL") { $0.user == nil },
        Denial(command: "CONFIG") { $0.outputBufferLimit == nil && $0.persistence?.snapshots == nil },
        Denial(command: "TIME") { $0.clockDifferenceNanoseconds == nil },
        Denial(command: "PUBSUB") { $0.channels.first?.subscribers == nil },
        Denial(command: "GET") { $0.channels.first?.counter == .unknown },
        Denial(command: "CLIENT") { $0.clients == nil },
    ]

    /// Everything else is still reported. Older servers, and those with renamed commands, report an unknown command.
    @Test(arguments: denials, ["NOPERM this user has no permissions", "ERR unknown command"])
    func whatIsNotPermittedIsLeftOut(_ denial: Denial, refusal: String) async throws {
        let report = try await look { command in
            command.first?.uppercased() == denial.command ? "-\(refusal)" : Self.open(command)
        }
        let commands = Set(report.notPermitted.map { $0.title.prefix { $0 != " " }.description })
        #expect(commands == [denial.command])
        #expect(denial.isUnknown(report))
        for other in Self.denials where other.command != denial.command && other.command != "PING" {
            #expect(!other.isUnknown(report), "\(other.command) is permitted")
        }
    }

    /// Some servers leave out sections of INFO: what is not told is unknown, and not 0.
    @Test func whatInfoLacksIsUnknown() async throws {
        let report = try await look { command in
            command.first?.uppercased() == "INFO"
                ? ScriptedRedis.bulk("redis_version:7.2.4\r\nrole:master\r\nconnected_clients:2") : Self.open(command)
        }
        #expect(report.server?.version == "7.2.4" && report.objection == nil)
        #expect(report.memory == nil && report.persistence == nil)
        #expect(report.missingFields == [.runID, .mode, .memoryLimit, .appendOnlyFile, .channels, .offset])
        let findings = report.findings().map(\.text)
        #expect(!findings.contains { $0.contains("persistence") || $0.contains("maxmemory") }, "\(findings)")
        #expect(report.channels.first?.counter == .value(812))
    }

    static let counters: [(reply: String, counter: ChannelReport.Counter)] = [
        ("$-1", .absent), (ScriptedRedis.bulk("7"), .value(7)),
        (ScriptedRedis.bulk("1e+14"), .other("text that is not a number")),
        (ScriptedRedis.bulk("-1"), .other("text that is not a number")),
        ("-WRONGTYPE Operation against a key holding the wrong kind of value", .other("a value that is not a string")),
    ]

    @Test(arguments: counters) func theTypeOfTheKeyIsReported(reply: String, counter: ChannelReport.Counter)
        async throws
    {
        let report = try await look { $0.first?.uppercased() == "GET" ? reply : Self.open($0) }
        #expect(report.channels.first?.counter == counter)
    }

    /// Further commands would mostly fail there, so none is sent.
    @Test(arguments: [
        "redis_mode:cluster\r\nrole:master", "redis_mode:standalone\r\nrole:slave\r\nmaster_host:m\r\nmaster_port:1",
    ])
    func theWrongServerIsAnObjection(info: String) async throws {
        let report = try await look { $0.first?.uppercased() == "INFO" ? ScriptedRedis.bulk(info) : Self.open($0) }
        #expect(report.objection != nil && report.channels.isEmpty && report.user == nil)
    }

    /// Any other error ends the check.
    @Test func aServerThatIsLoadingIsAnError() async throws {
        await #expect(throws: RedisError.self) {
            _ = try await look { $0.first?.uppercased() == "GET" ? "-LOADING Redis is loading" : Self.open($0) }
        }
    }
}
