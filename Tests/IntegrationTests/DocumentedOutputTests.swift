import Backplane
import Foundation
import HubNode
import TestSupport
import Testing

@testable import backplane_relay

/// Every `$ backplane-relay ...` in the manual is run against real servers: its output has the documented rows, with
/// any figures.
@Suite("Output in the manual", .needs(.redisServer))
struct DocumentedOutputTests {
    /// Rows that depend on the run and may be missing in either.
    private static let conditional: Set = [
        "holes", "counter reset from # to #", "odd", "subscribers", "warning", "user", "note", "node #", "recording",
    ]

    struct Sample: Sendable, CustomTestStringConvertible {
        let article: String
        let command: String
        let lines: [String]
        var testDescription: String { "\(article): \(command)" }
    }

    static let samples: [Sample] = ManualTopic.all.flatMap { topic in
        topic.text.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.flatMap { fence in
            fence.element.components(separatedBy: "\n$ ").dropFirst().compactMap { part in
                let lines = part.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                guard lines[0].hasPrefix("backplane-relay ") else { return nil }
                return Sample(article: topic.file, command: lines[0], lines: Array(lines.dropFirst()))
            }
        }
    }

    @Test func `samples have the rows of the program's output`() async throws {
        #expect(Self.samples.count > 9)
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { source in
                try await RedisServer.with { target in
                    let capture = folder + "/capture"
                    try await record(from: source, into: capture)
                    try recordHub(into: folder + "/core")
                    try await recordPair(into: folder + "/ra", and: folder + "/rb")
                    // The channel has a subscriber meanwhile.
                    try await RelayProcess.with(["--redis", source.url, "--channel", "chat"]) { _ in
                        try await source.withCoreNode(CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")) {
                            try await withNodes { nodes in
                                for sample in Self.samples {
                                    var words = sample.command.split(separator: " ").dropFirst().map(String.init)
                                    guard let command = words.first else { continue }
                                    words = words.map { word in
                                        switch word {
                                        case "127.0.0.1:6379", "redis://127.0.0.1:6379": source.url
                                        case "127.0.0.1:6379,channelPrefix=app:":
                                            "127.0.0.1:\(source.port),channelPrefix=app:"
                                        case "redis://127.0.0.1:7789": target.url
                                        case _ where nodes[word] != nil: nodes[word] ?? word
                                        case "staging:6379": target.url
                                        case "capture" where words.contains("--map-prefix"): folder + "/core"
                                        case "/var/lib/backplane-relay" where command == "run": folder + "/new"
                                        case "/var/lib/backplane-relay", "capture": capture
                                        case "capture.db", "ra", "rb", "rab": folder + "/" + word
                                        case "3" where command == "bench": "0.2"
                                        default: word
                                        }
                                    }
                                    if command == "run" { words += ["--listen", "127.0.0.1:0"] }
                                    let finished = try await Finished.relay(words)
                                    compare(sample, with: finished, command)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func compare(_ sample: Sample, with finished: Finished, _ command: String) {
        let actual = Self.labels(finished.output.split(separator: "\n").map(String.init))
        var documented = Self.labels(sample.lines)
        // Below a table's header are channel names, which differ.
        if command == "channels" { documented = Set(documented.filter { $0 == "channel" }) }
        #expect(!documented.isEmpty || command == "export", "\(sample.testDescription)")
        let isPart = sample.lines.contains("...") || command == "channels"
        // The path of a result file is printed on standard error.
        let said = actual.union(Self.labels(finished.errors.split(separator: "\n").map(String.init)))
        let missing = documented.subtracting(said).subtracting(Self.conditional)
        let added = isPart ? [] : actual.subtracting(documented).subtracting(Self.conditional)
        #expect(
            missing.isEmpty,
            "\(sample.testDescription): it does not print these rows\n\(finished.output)\(finished.errors)")
        #expect(added.isEmpty, "\(sample.testDescription): it prints these rows, too\n\(finished.output)")
    }

    /// The text before the first gap of a line, with numbers replaced by `#`.
    private static func labels(_ lines: [String]) -> Set<String> {
        Set(
            lines.compactMap { line in
                guard let first = line.first, first != " ", line != "..." else { return nil }
                let label = line.components(separatedBy: "  ")[0]
                return label.replacing(/[0-9][0-9,.]*/, with: "#").replacing(#/ http.*/#, with: "")
                    .replacing(/'.*'/, with: "'...'")
            })
    }

    /// Two nodes of ASP.NET Core with a Redis of their own.
    ///
    /// - Parameter body: called with their addresses, by those in the samples.
    private func withNodes(_ body: (_ addresses: [String: String]) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            func withNode(_ body: (_ port: Int) async throws -> Void) async throws {
                try await TestHubNode.with(redis: redis, channel: "") {
                    $0.core = CoreHubSettings(backplane: CoreBackplaneSettings(hubType: "Chat.Hubs.ChatHub"))
                } _: { port in
                    try await body(port)
                }
            }
            try await withNode { first in
                try await withNode { second in
                    try await body([
                        "redis://redis.example:6379": redis.url,
                        "http://node1.example:8080/chathub": "http://127.0.0.1:\(first)/chathub",
                        "http://node2.example:8080/chathub": "http://127.0.0.1:\(second)/chathub",
                    ])
                }
            }
        }
    }

    /// A chat through hub nodes, with a message of every kind.
    private func record(from redis: RedisServer, into folder: String) async throws {
        try await RelayProcess.with(["--redis", redis.url, "--channel", "chat", "--record", folder]) { relay in
            let check = try await Finished.relay([
                "check", "--redis", redis.url, "--channel", "chat", "--messages", "20",
            ])
            #expect(check.exit == .code(0), "\(check.errors)")
            #expect(try await relay.stop() == .code(0))
        }
    }

    /// Two captures of one chat, the second of which is longer.
    private func recordPair(into first: String, and second: String) async throws {
        try await RedisServer.with { redis in
            let chat = ["check", "--redis", redis.url, "--channel", "chat"]
            let relay = ["--redis", redis.url, "--channel", "chat", "--record"]
            try await RelayProcess.with(relay + [second]) { longer in
                try await RelayProcess.with(relay + [first]) { shorter in
                    let both = try await Finished.relay(chat)
                    #expect(both.exit == .code(0), "\(both.errors)")
                    #expect(try await shorter.stop() == .code(0))
                }
                let alone = try await Finished.relay(chat)
                #expect(alone.exit == .code(0), "\(alone.errors)")
                #expect(try await longer.stop() == .code(0))
            }
        }
    }

    /// All publications of real ASP.NET Core nodes, under the names of the sample.
    private func recordHub(into folder: String) throws {
        let (vectors, hub) = (try CoreVectors.all()[0], CoreHub(prefix: "prod:", type: "Chat.ChatHub"))
        let items = vectors.payloads.map { vector -> CoreCaptures.Item in
            let channel = hub.root + vector.channel.dropFirst(vectors.hub.root.count)
            return .core(hub, channel: channel, payload: vector.payload)
        }
        try CoreCaptures.record(items, into: folder)
    }
}
