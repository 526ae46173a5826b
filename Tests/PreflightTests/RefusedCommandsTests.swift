import Foundation
import NIOPosix
import Redis
import TestSupport
import Testing

@testable import Preflight

/// Servers that refuse commands, as managed services do: the check names each, and what is lost without it.
@Suite("Refused commands", .needs(.redisServer), .timeLimit(.minutes(2)))
struct RefusedCommandsTests {
    /// Commands that can be refused without stopping the recording.
    private static let optional: [AskedCommand] = (AskedCommand.watching + [.get, .hello])
        .filter { ![.subscribe, .psubscribe].contains($0) }

    private static var words: [String] {
        Set(optional.map { $0.title.prefix { $0 != " " }.description }).sorted()
    }

    private static func check(
        _ redis: RedisServer, login: (user: String, file: String)? = nil, tap: TapPolicy? = nil
    ) async -> PreflightReport {
        var configuration = redis.configuration
        if let login {
            configuration.username = login.user
            configuration.passwordFile = PasswordFile(path: login.file)
        }
        return await Preflight.run(
            redis: configuration, channels: ["chat"], core: CoreAttachment(findsHubs: true), tap: tap,
            directory: nil,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    private static func withPassword(_ body: (String) async throws -> Void) async throws {
        try await TemporaryDirectory.with { folder in
            try Data("secret".utf8).write(to: URL(filePath: folder + "/password"))
            try await body(folder + "/password")
        }
    }

    /// HELLO is refused with the command, AUTH and HELLO never by an ACL.
    @Test(arguments: words)
    func `a renamed command is named, and nothing else`(word: String) async throws {
        try await RedisServer.with(["--rename-command", word, ""]) { redis in
            try await Self.withPassword { file in
                if word != "ACL" {
                    try await redis.command(["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all"])
                }
                let report = await Self.check(redis, login: word == "ACL" ? nil : ("relay", file))
                #expect(report.unreachable == nil)
                let named = Set(report.notPermitted)
                #expect(named == Set(Self.optional.filter { $0.title.split(separator: " ").first == word[...] }))
                #expect(report.channels.first?.refusal == nil)
            }
        }
    }

    @Test func `a command that the ACL denies is named, and nothing else`() async throws {
        try await RedisServer.with { redis in
            try await Self.withPassword { file in
                for command in Self.optional where command != .hello {
                    try await redis.command([
                        "ACL", "SETUSER", "relay", "reset", "on", ">secret", "~*", "&*", "+@all",
                        .text("-\(command.rawValue)"),
                    ])
                    let report = await Self.check(redis, login: ("relay", file))
                    #expect(report.unreachable == nil)
                    #expect(report.notPermitted == [command])
                }
            }
        }
    }

    @Test(arguments: [AskedCommand.psync, .replconf])
    func `a refused command of the tap is reported only with the tap`(command: AskedCommand) async throws {
        try await RedisServer.with(["--rename-command", command.title, ""]) { redis in
            let subscribing = await Self.check(redis)
            #expect(subscribing.notPermitted == [])
            let tapping = await Self.check(redis, tap: TapPolicy(mayFallBack: true))
            #expect(tapping.notPermitted == [command])
            #expect(tapping.findings().contains { $0.severity == .warning && $0.text.contains(command.title) })
        }
    }

    /// Replies differ by edition.
    @Test(.needs(editions: .redis6, .valkey9), arguments: RedisEdition.allCases)
    func `all may be refused at once`(edition: RedisEdition) async throws {
        let renamed = Self.words.flatMap { ["--rename-command", $0, ""] }
        try await RedisServer.with(renamed, edition: edition) { redis in
            let report = await Self.check(redis)
            #expect(report.unreachable == nil && report.server == nil)
            #expect(Set(report.notPermitted) == Set(Self.optional).subtracting([.hello]))
            #expect(report.channels.first?.refusal == nil && report.namesUnknown != nil)
        }
    }

    @Test func `each command and each field has a loss`() {
        for command in AskedCommand.allCases { #expect(!command.loss.isEmpty && !command.loss.hasSuffix(".")) }
        for field in InfoField.allCases { #expect(!field.loss.isEmpty && !field.section.isEmpty) }
    }
}
