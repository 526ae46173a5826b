import NIOPosix
import TestSupport
import Testing

@testable import Redis

/// Every edition of server reports cluster mode differently.
@Suite(
    .needs(.redisServer), .needs(editions: .redis6, .redis7, .valkey9), .timeLimit(.minutes(1)), .serialized)
struct ClusterTests {
    private static let titles: [RedisEdition: String] = [
        .redis6: "Redis 6.2.", .redis7: "Redis 7.", .valkey9: "Valkey 9.",
    ]

    @Test(arguments: RedisEdition.allCases)
    func clusterIsRecognised(edition: RedisEdition) async throws {
        try await RedisServer.withCluster(edition: edition) { server in
            try await server.withClient { client in
                let mode = try await client.serverInfo().mode
                let isCluster = try await client.isCluster(nil)
                #expect(mode == "cluster" && isCluster == true)
                await #expect(throws: RedisError.clusterMode(endpoint: client.endpoint)) {
                    _ = try await client.requirePublishable(of: server.configuration)
                }
            }
            let refusal = try await Attaching.failure(of: server.configuration)
            #expect(refusal == .clusterMode(endpoint: server.configuration.endpoint))
        }
    }

    @Test(arguments: RedisEdition.allCases)
    func standaloneIsToo(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { server in
            try await server.withClient { client in
                let told = try await client.requirePublishable(of: server.configuration)
                let info = try #require(told)
                #expect(info.title.hasPrefix(Self.titles[edition] ?? "?"), "\(info.title)")
                let isCluster = try await client.isCluster(nil)
                #expect(info.mode == "standalone" && isCluster == false)
            }
        }
    }

    /// INFO and CLUSTER are denied: HELLO reports it, which no ACL can deny.
    @Test(arguments: RedisEdition.allCases)
    func leastRights(edition: RedisEdition) async throws {
        try await RedisServer.withCluster(edition: edition) { server in
            _ = try await server.withClient { client in
                try await client.send(["ACL", "SETUSER", "relay", "on", ">secret", "-@all", "+ping"])
            }
            var configuration = server.configuration
            (configuration.username, configuration.password) = ("relay", Secret("secret"))
            let client = try await RedisClient.connect(
                to: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
            let isCluster = try await client.isCluster(nil)
            await client.close()
            #expect(isCluster == true)
        }
    }
}
