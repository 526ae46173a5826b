import Redis
import TestSupport
import Testing

/// The servers for tests respond, and are of the named edition.
@Suite struct RedisEditionTests {
    @Test(
        .needs(editions: .redis7, .redis6, .valkey9),
        arguments: [
            (RedisEdition.redis7, "redis_version:7."), (.redis6, "redis_version:6.2."), (.valkey9, "valkey_version:9."),
        ])
    func `each server says its version`(edition: RedisEdition, version: String) async throws {
        try await RedisServer.with(edition: edition) { server in
            let info = try await server.command(["INFO", "server"]).text
            #expect(info?.contains(version) == true)
        }
    }
}
