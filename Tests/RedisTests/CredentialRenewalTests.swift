import Foundation
import Logging
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Redis

/// Open connections log in again when the password in their file changes.
@Suite(.needs(.redisServer), .timeLimit(.minutes(2)))
struct CredentialRenewalTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    private final class News: Sendable {
        private let record = Mutex<[LoginNews]>([])

        var outcomes: [LoginNews.Outcome] { record.withLock { $0.map(\.outcome) } }

        func waitFor(_ count: Int) async throws {
            try await eventually("\(count) renewals") { record.withLock { $0.count } >= count ? true : nil }
        }

        func configuration(_ redis: RedisServer, file: String) -> RedisConfiguration {
            var configuration = RedisConfiguration(
                servers: redis.configuration.servers, username: "relay", passwordFile: PasswordFile(path: file))
            configuration.observer = RedisObserver { news in self.record.withLock { $0.append(news) } }
            return configuration
        }
    }

    /// Like Kubernetes: the file is a symbolic link through another one, which is replaced.
    private static func write(_ password: String, in folder: String) throws -> String {
        let (version, link, file) = (folder + "/..\(password)", folder + "/..data", folder + "/password")
        try FileManager.default.createDirectory(atPath: version, withIntermediateDirectories: false)
        try Data((password + "\n").utf8).write(to: URL(filePath: version + "/password"))
        try FileManager.default.createSymbolicLink(atPath: link + ".new", withDestinationPath: version)
        guard rename(link + ".new", link) == 0 else { throw TestFailure("no link") }
        if !FileManager.default.fileExists(atPath: file) {
            try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "..data/password")
        }
        return file
    }

    private static func grant(_ password: String, at redis: RedisServer) async throws {
        try await redis.command([
            "ACL", "SETUSER", "relay", "on", "resetpass", ">\(password)", "allkeys", "allchannels", "+@all",
        ])
    }

    private func withSubscriber(
        _ configuration: RedisConfiguration, _ body: (RecordingSink) async throws -> Void
    ) async throws {
        let sink = RecordingSink()
        let subscriber = RedisSubscriber(
            configuration: configuration, channels: ["chat"], eventLoopGroup: group, sink: sink,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let run = Task { try await subscriber.run() }
        do {
            try await eventually("it is subscribed") { sink.events.isEmpty ? nil : true }
            try await body(sink)
        } catch {
            run.cancel()
            throw error
        }
        run.cancel()
        try await run.value
    }

    private static func subscriptions(_ sink: RecordingSink) -> Int {
        sink.events.count { if case .subscribed = $0 { true } else { false } }
    }

    @Test(
        "a subscription, a listener and an asking connection renew their logins and receive every message once",
        .needs(editions: .redis6, .valkey9), arguments: RedisEdition.allCases)
    func renewal(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await TemporaryDirectory.with { folder in
                try await Self.grant("one", at: redis)
                let news = News()
                let configuration = news.configuration(redis, file: try Self.write("one", in: folder))
                let heard = Mutex<[String]>([])
                try await withSubscriber(configuration) { sink in
                    let asking = try await RedisClient.connect(to: configuration, eventLoopGroup: group)
                    let listener = try await RedisClient.connect(to: configuration, eventLoopGroup: group) { message in
                        heard.withLock { $0.append(message.array?.last?.text ?? "") }
                    }
                    try await listener.send(["SUBSCRIBE", "chat"])
                    // The traffic goes on during the renewal.
                    let isOver = Mutex(false)
                    let publishing = Task {
                        try await redis.withClient { client in
                            var count = 0
                            while !isOver.withLock({ $0 }) {
                                count += 1
                                try await client.send(["PUBLISH", "chat", "\(count)"])
                            }
                            return count
                        }
                    }
                    try await Self.grant("two", at: redis)
                    _ = try Self.write("two", in: folder)
                    try await news.waitFor(3)
                    // The replaced file is refused, then what it holds is granted.
                    _ = try Self.write("three", in: folder)
                    try await news.waitFor(6)
                    try await Self.grant("three", at: redis)
                    _ = try Self.write("four", in: folder)
                    try await Self.grant("four", at: redis)
                    try await eventually("all are renewed") {
                        news.outcomes.count { $0 == .renewed } >= 6 ? true : nil
                    }
                    #expect(try await asking.send(["ACL", "WHOAMI"]).text == "relay")
                    #expect(try await listener.send(["PING"]) == .status("PONG"), "RESP3")
                    isOver.withLock { $0 = true }
                    let count = try await publishing.value
                    let expected = (1...count).map { ReceivedEnvelope(0, "\($0)") }
                    try await eventually("all are received") { sink.events.count >= count + 1 ? true : nil }
                    #expect(sink.batches.flatMap(\.envelopes) == expected, "each once, in order")
                    try await eventually("the listener too") { heard.withLock { $0.count } >= count ? true : nil }
                    #expect(heard.withLock { $0 } == (1...count).map(String.init))
                    #expect(Self.subscriptions(sink) == 1, "the connection stays")
                    await asking.close()
                    await listener.close()
                }
                #expect(news.outcomes.prefix(3).allSatisfy { $0 == .renewed })
                let refusals = news.outcomes.filter { $0 != .renewed }
                #expect(refusals.count >= 3)
                for refusal in refusals {
                    guard case .refused(let reply) = refusal else {
                        Issue.record("\(refusal)")
                        continue
                    }
                    #expect(reply.hasPrefix("WRONGPASS") && !reply.contains("three"))
                }
            }
        }
    }

    @Test("a server without RESP3 says so, and the next connection uses the changed password")
    func withoutRESP3() async throws {
        try await RedisServer.with(["--rename-command", "HELLO", ""]) { redis in
            try await TemporaryDirectory.with { folder in
                try await Self.grant("one", at: redis)
                let news = News()
                let configuration = news.configuration(redis, file: try Self.write("one", in: folder))
                try await withSubscriber(configuration) { sink in
                    try await Self.grant("two", at: redis)
                    _ = try Self.write("two", in: folder)
                    try await news.waitFor(1)
                    #expect(news.outcomes == [.impossible])
                    try await redis.command(["PUBLISH", "chat", "still here"])
                    try await eventually("it arrives") { sink.batches.isEmpty ? nil : true }
                    try await redis.command(["CLIENT", "KILL", "USER", "relay"])
                    try await eventually("it subscribes again") { Self.subscriptions(sink) == 2 ? true : nil }
                }
            }
        }
    }
}
