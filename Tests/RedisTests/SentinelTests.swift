import Logging
import NIOCore
import TestSupport
import Testing

@testable import Redis

/// A master, a replica and a sentinel, all real.
@Suite(.needs(.redisServer, .redisCLI), .timeLimit(.minutes(1)), .serialized)
struct SentinelTests {
    @Test func followsTheSwitch() async throws {
        try await RedisServer.with { first in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(first.port)"]) { second in
                try await Sentinel.with(watching: first) { sentinel in
                    // The first sentinel is not running: the next one is queried.
                    var configuration = sentinel.configuration
                    configuration.servers.insert(
                        .tcp(host: "127.0.0.1", port: try FreePort.find()), at: 0)
                    try await Attaching.subscriber(configuration) { events in
                        let before = try await events.nextSubscription()
                        #expect(before.endpoint == first.configuration.endpoint)
                        try await sentinel.waitForReplica()
                        try await sentinel.failOver()
                        let left = try await events.next()
                        #expect(left == .disconnected(.failover))
                        let after = try await events.nextSubscription()
                        #expect(after.endpoint == second.configuration.endpoint)
                        #expect(after.server?.role == "master")
                        // A client finds the new master by itself.
                        #expect(try await Attaching.publish("1 a", to: configuration) == .integer(1))
                        let event = try await events.next()
                        #expect(event == .envelope(ReceivedEnvelope(0, "1 a")))
                    }
                }
            }
        }
    }

    /// The master ends without notice, and the sentinel detects it.
    @Test func followsAfterTheMasterDied() async throws {
        try await RedisServer.with { first in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(first.port)"]) { second in
                try await Sentinel.with(watching: first) { sentinel in
                    try await Attaching.subscriber(sentinel.configuration) { events in
                        _ = try await events.nextSubscription()
                        try await sentinel.waitForReplica()
                        try await sentinel.shortenPatience()
                        await first.stop()
                        guard case .disconnected = try await events.next() else {
                            Issue.record("the end of the master was not detected")
                            return
                        }
                        let after = try await events.nextSubscription()
                        #expect(after.endpoint == second.configuration.endpoint)
                    }
                }
            }
        }
    }

    /// The server named by the sentinels reports that it is a replica: they are queried again.
    @Test func afterADemotedMasterTheSentinelsAreQueriedAgain() async throws {
        try await RedisServer.with { server in
            try await Sentinel.with(watching: server) { sentinel in
                try await Attaching.client(server.configuration) { client in
                    try await client.send(["REPLICAOF", "127.0.0.1", "1"])
                }
                let log = LogCollector()
                try await Attaching.subscriber(sentinel.configuration, logger: log.logger) { _ in
                    for await message in log.messages where message.contains("a failover is in progress") { break }
                }
            }
        }
    }

    /// The servers' login is also sent to a sentinel without its own.
    @Test func sentinelWithTheLoginOfTheServers() async throws {
        try await RedisServer.with(["--requirepass", "hunter2"]) { server in
            try await Sentinel.with(watching: server) { sentinel in
                var configuration = sentinel.configuration
                configuration.password = Secret("hunter2")
                try await Attaching.subscriber(configuration) { events in _ = try await events.nextSubscription() }
            }
        }
    }

    /// Like `serviceName=...,password=...,sentinelPassword=...`.
    @Test func sentinelWithItsOwnLogin() async throws {
        try await RedisServer.with(["--requirepass", "hunter2"]) { server in
            try await Sentinel.with(watching: server, lines: ["requirepass spw"]) { sentinel in
                let address = "127.0.0.1:\(sentinel.port),serviceName=mymaster,password=hunter2"
                let both = try RedisConfiguration(connectionString: address + ",sentinelPassword=spw")
                try await Attaching.subscriber(both) { events in _ = try await events.nextSubscription() }

                let one = try RedisConfiguration(connectionString: address)
                let refused = try #require(await Attaching.refusal(of: one))
                #expect(refused.description.contains("refused the login of the servers"))
                #expect(refused.description.contains("write sentinelPassword=..."))
                let wrong = try RedisConfiguration(connectionString: address + ",sentinelPassword=xpw")
                let own = try #require(await Attaching.refusal(of: wrong))
                #expect(own.description.contains("check sentinelUser and sentinelPassword"))
                let none = try RedisConfiguration(connectionString: "127.0.0.1:\(sentinel.port),serviceName=mymaster")
                let wanted = try #require(await Attaching.refusal(of: none))
                #expect(wanted == .sentinelWantsLogin(endpoint: "127.0.0.1:\(sentinel.port)"))
            }
        }
    }

    @Test func unknownNameIsRefused() async throws {
        try await RedisServer.with { server in
            try await Sentinel.with(watching: server) { sentinel in
                var configuration = sentinel.configuration
                configuration.sentinelMaster = "yourmaster"
                let unknown = try await Attaching.failure(of: configuration)
                #expect(unknown == .unknownMaster(name: "yourmaster", sentinels: "127.0.0.1:\(sentinel.port)"))

                // A sentinel instead of a server.
                let plain = RedisConfiguration(host: "127.0.0.1", port: sentinel.port)
                let failure = try await Attaching.failure(of: plain)
                #expect(failure == .sentinel(endpoint: plain.endpoint))
            }
        }
    }

    @Test func waitsForASentinel() async throws {
        let nobody = RedisEndpoint.tcp(host: "127.0.0.1", port: try FreePort.find())
        let configuration = RedisConfiguration(servers: [nobody], sentinelMaster: "mymaster")
        let failure = try #require(await Attaching.refusal(of: configuration))
        #expect(failure.isTransient)
        #expect(failure.description.contains("no sentinel says where 'mymaster' is"))
        #expect(failure.description.contains(nobody.description))
    }

    @Test(
        arguments: [
            (["message", "+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 6380"], "10.0.0.2:6380"),
            (["message", "+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2"], nil),
            (["message", "+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 x"], nil),
            (["message", "+sdown", "mymaster 10.0.0.1 6379 10.0.0.2 6380"], nil),
            (["subscribe", "+switch-master", "1"], nil), ([], nil),
        ] as [([String], String?)])
    func announcements(parts: [String], master: String?) {
        let announced = MasterSwitch(message: .array(parts.map { .bulk(Array($0.utf8)) }))
        #expect(announced?.master.description == master)
        if master != nil { #expect(announced?.name == "mymaster") }
    }
}
