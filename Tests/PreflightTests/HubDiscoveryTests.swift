import Backplane
import Redis
import TestSupport
import Testing

@testable import Preflight

/// Hubs found on real servers.
@Suite(.needs(editions: .redis7, .redis6, .valkey9)) struct HubDiscoveryTests {
    /// All characters with a meaning in patterns.
    private static let prefix = #"a*?[b]\ "#
    private static let generic =
        "Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]"

    @Test(
        "hubs appear and disappear; those with other prefixes and excluded ones are not found",
        arguments: RedisEdition.allCases)
    func find(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            let chat = CoreHub(prefix: Self.prefix, type: "Chat.Hubs.ChatHub")
            let room = CoreHub(prefix: Self.prefix, type: Self.generic)
            let attachment = CoreAttachment(prefix: Self.prefix, findsHubs: true, excluded: ["Blazor"])
            func find() async throws -> Result<[CoreHub], ChannelsUnknown> {
                try await redis.withClient { client in
                    var discovery = HubDiscovery(attachment: attachment)
                    return try await discovery.find(client: client)
                }
            }
            #expect(try await find() == .success([]))
            try await redis.withCoreNode(chat, also: [(.group, "x:internal:groups"), (.connection, "c")]) {
                #expect(try await find() == .success([chat]))
                try await redis.withCoreNode(room) {
                    try await redis.withCoreNode(CoreHub(prefix: Self.prefix, type: "Blazor")) {
                        try await redis.withCoreNode(CoreHub(prefix: "axb ", type: "Other")) {
                            try await redis.withCoreNode(CoreHub(prefix: Self.prefix + "more:", type: "Other")) {
                                let found = try await find()
                                #expect(found == .success([chat, room]))
                            }
                        }
                    }
                }
                #expect(try await find() == .success([chat]))
            }
        }
    }

    @Test("until the next query is due it returns the previous result without a query")
    func pace() async throws {
        try await RedisServer.with { redis in
            try await redis.withClient { client in
                var discovery = HubDiscovery(attachment: CoreAttachment(findsHubs: true))
                #expect(discovery.nextDelay == .zero)
                #expect(try await discovery.find(client: client) == .success([]))
                #expect(discovery.nextDelay > .zero)
                try await redis.withCoreNode(CoreHub(type: "H")) {
                    let again = try await discovery.find(client: client)
                    #expect(again == .success([]))
                }
                let statistics = try await client.send(["INFO", "commandstats"]).text ?? ""
                #expect(statistics.contains("cmdstat_pubsub|channels:calls=1,"), "\(statistics)")
            }
        }
    }

    @Test("too many channels or an ACL: no query, and the reason", arguments: RedisEdition.allCases)
    func unknown(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await redis.withCoreNode(CoreHub(type: "H")) {
                func find(_ user: String, limit: Int) async throws -> Result<[CoreHub], ChannelsUnknown> {
                    try await redis.withClient { client in
                        _ = try await client.send(["AUTH", .text(user), "x"])
                        var discovery = HubDiscovery(attachment: CoreAttachment(findsHubs: true), limit: limit)
                        let found = try await discovery.find(client: client)
                        #expect(discovery.nextDelay > .seconds(4))
                        return found
                    }
                }
                for (user, rules) in [
                    ("all", ["+@all"]), ("noinfo", ["+@all", "-info"]), ("nopubsub", ["+@all", "-pubsub"]),
                ] {
                    try await redis.command(
                        ["ACL", "SETUSER", .text(user), "on", ">x", "allkeys", "allchannels"] + rules.map { .text($0) })
                }
                #expect(try await find("all", limit: 5) == .success([CoreHub(type: "H")]))
                guard case .failure(let many) = try await find("all", limit: 4) else { throw TestFailure("asked") }
                #expect(many.isAboveLimit && many.description.contains("5 channels, more than 4"))
                guard case .failure(let info) = try await find("noinfo", limit: 5) else { throw TestFailure("asked") }
                #expect(info.description.contains("INFO is not permitted"))
                guard case .failure(let denied) = try await find("nopubsub", limit: 5) else {
                    throw TestFailure("asked")
                }
                #expect(denied.description.contains("+pubsub|channels"))
            }
        }
    }
}
