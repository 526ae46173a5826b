import NIOCore
import TestSupport
import Testing

@testable import Redis

/// A server that is told to stop waits for its replicas, since Redis 7 for up to 10 s (`shutdown-timeout`), but not for the tap.
@Suite(.needs(.redisServer), .timeLimit(.minutes(3)))
struct TapStopTests {
    /// How much longer a stop may take with the tap. The tap disconnects after half a second; otherwise the server would
    /// wait 10 s.
    private static let limit = Duration.seconds(3)

    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `a master ends as without the tap`(edition: RedisEdition) async throws {
        try await RedisServer.with(["--repl-diskless-sync", "yes"], edition: edition) { server in
            let without = try await server.shutDown()
            try await server.start()
            try await TapProbe.running(server.configuration) { _, events in
                _ = try await events.nextAttachment()
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
                let with = try await server.shutDown()
                #expect(with - without < Self.limit, "\(with) with the tap, \(without) without")
                let cause = try await events.nextEnd()
                if edition != .redis6 { #expect(cause == .serverStopping) }
            }
        }
    }

    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `a replica ends as without the tap`(edition: RedisEdition) async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"], edition: edition) { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1", "\(master.port)"], edition: edition) { replica in
                try await replica.waitForLink()
                let without = try await replica.shutDown()
                try await replica.start()
                try await replica.waitForLink()
                try await TapProbe.running(replica.configuration) { _, events in
                    _ = try await events.nextAttachment()
                    try await master.ask(["PUBLISH", "chat", "1"])
                    try await events.next(text: "1")
                    let with = try await replica.shutDown()
                    #expect(with - without < Self.limit, "\(with) with the tap, \(without) without")
                    let cause = try await events.nextEnd()
                    if edition != .redis6 { #expect(cause == .serverStopping) }
                }
            }
        }
    }

    /// WAIT makes a master ask its replicas too; nothing stops, so the tap stays.
    @Test func `a WAIT does not make it leave`() async throws {
        let timing = ReplicationTap.Timing(stopPatience: .milliseconds(50))
        try await RedisServer.with { server in
            try await TapProbe.running(server.configuration, timing: timing) { tap, events in
                _ = try await events.nextAttachment()
                // Long enough for `stopPatience` to end meanwhile.
                let replies = try await server.ask(["PUBLISH", "chat", "1"], ["WAIT", "1", "600"])
                #expect(replies == [.integer(0), .integer(0)])
                try await server.ask(["PUBLISH", "chat", "2"])
                try await events.next(text: "2")
                #expect(tap.figures.commands[.control] > 0)
                #expect(events.probe.attachments.count == 1)
                #expect(tap.figures.isAttached)
            }
        }
    }
}
