import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// Every `$ command` in the texts is run against real servers: it prints the rows that stand there, with any figures.
@Suite("Output in the texts", .needs(.redisServer, .redisCLI, .sqlite))
struct DocumentedOutputTests {
    private enum Stage {
        /// Servers with other subscribers.
        case attaching
        /// A capture with gaps.
        case losses
        /// Servers with hub nodes.
        case nodes
        case others
    }

    private static func samples(_ stage: Stage) throws -> [FencedBlock.Sample] {
        try FencedBlock.all("console").flatMap(\.samples).filter { sample in
            let words = sample.command.split(separator: " ")
            let own: Stage =
                if words.contains("channels") || words.contains("--check-only") {
                    .attaching
                } else if words.contains("info") {
                    .losses
                } else if words.contains("--ping") {
                    .nodes
                } else {
                    .others
                }
            return own == stage
        }
    }

    @Test func `samples print the rows that stand there`() async throws {
        let samples = try Self.samples(.others)
        #expect(samples.count > 9)
        try await DocumentedWorld.with { world in
            try await world.recordChat()
            try await world.recordHub()
            try await world.recordPair()
            let nodes = CoreHub(prefix: "staging:", type: "Chat.ChatHub")
            try await world.target.withCoreNode(nodes) {
                try await world.target.withCoreNode(nodes, machine: "web2") {
                    var (block, folder) = ("", "")
                    for sample in samples {
                        // The commands of a block follow each other in one directory.
                        if block != "\(sample.block)" { (block, folder) = ("\(sample.block)", try world.folder()) }
                        try await compare(sample, in: world, folder)
                    }
                }
            }
        }
    }

    @Test func `after losses samples print the rows that stand there, and the log has what is quoted from it`()
        async throws
    {
        try await DocumentedWorld.with { world in
            let log = try await world.recordLosses()
            let lines = log.split(separator: "\n").map { OutputMask.masked(String($0)) }
            let blocks = try FencedBlock.all("log")
            #expect(blocks.count >= 2)
            for block in blocks {
                for quoted in block.text.split(separator: "\n") {
                    let masked = OutputMask.masked(String(quoted))
                    #expect(lines.contains { $0.hasSuffix(masked) }, "\(block): \(quoted)\n\(log)")
                }
            }
            let samples = try Self.samples(.losses)
            #expect(samples.count >= 2)
            for sample in samples { try await compare(sample, in: world, world.folder(), status: 3) }
        }
    }

    @Test func `samples about nodes print the rows that stand there`() async throws {
        let samples = try Self.samples(.nodes)
        #expect(samples.count >= 1)
        try await DocumentedWorld.with { world in
            try await world.withHubNode { first in
                try await world.withHubNode { second in
                    var world = world
                    world.placeholders.nodes = [first, second]
                    for sample in samples {
                        try await compare(sample, in: world, world.folder())
                        try await asPermitted(sample, in: world)
                    }
                }
            }
        }
    }

    /// Runs a sample with the permissions that the text says it needs.
    private func asPermitted(_ sample: FencedBlock.Sample, in world: DocumentedWorld) async throws {
        let rules = try #require(try FencedBlock.all("redis").first { $0.text.contains("SETUSER check") })
        try await world.source.command(rules.text.split { $0.isWhitespace }.map { .text(String($0)) })
        let address = "127.0.0.1:\(world.source.port),user=check,password=SECRET"
        let typed = sample.command.replacing("redis://127.0.0.1:6379", with: address)
        let finished = try await world.run(typed, in: world.folder())
        #expect(finished.exit == .code(0), "\(rules)\n\(finished.output)\(finished.errors)")
    }

    @Test func `samples about attaching print the rows that stand there`() async throws {
        let samples = try Self.samples(.attaching)
        #expect(samples.count >= 5)
        for sample in samples {
            try await DocumentedWorld.with { world in
                try await attach(sample, to: world) { try await compare(sample, in: world, world.folder()) }
            }
        }
    }

    /// Makes the Redis of a sample like the one that it was taken from.
    private func attach(
        _ sample: FencedBlock.Sample, to world: DocumentedWorld, _ body: () async throws -> Void
    ) async throws {
        let redis = world.source
        let isTypo = sample.block.file.hasSuffix("Troubleshooting.md")
        if isTypo {
            try await redis.command(["SET", "chat", "182"])
            try await subscribers(["chat"], of: redis, body)
        } else if sample.command.contains("channels") {
            try await redis.command(["SET", "chat", "412"])
            try await redis.withClient { client in
                try await client.send(["SELECT", "4"])
                try await client.send(["SET", "orders", "7"])
            }
            let hub = CoreHub(prefix: "", type: "Web.ChatHub")
            let names = (1...40).map { (CoreKind.connection, "c\($0)") } + [(CoreKind.user, "alice")]
            try await redis.withCoreNode(hub, also: names) {
                try await redis.withCoreNode(hub, machine: "web2") {
                    try await subscribers(["chat", "orders"], of: redis) {
                        try await subscribers(["chat", "orders"], of: redis) {
                            try await subscribers(["chat"], of: redis, body)
                        }
                    }
                }
            }
        } else if sample.command.contains("--core") {
            let hub = CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")
            try await redis.withCoreNode(hub) {
                try await redis.withCoreNode(hub, machine: "web2") {
                    let relay = ["--redis", redis.url, "--core", "--channel-prefix", "app:"]
                    try await RelayProcess.with(relay) { _ in try await body() }
                }
            }
        } else {
            try await subscribers(["chatapp"], of: redis) {
                try await subscribers(["chatapp"], of: redis) {
                    try await RelayProcess.with(["--redis", redis.url, "--channel", "chatapp"]) { _ in
                        try await body()
                    }
                }
            }
        }
    }

    /// One more subscriber of each channel.
    private func subscribers(
        _ channels: [String], of redis: RedisServer, _ body: () async throws -> Void
    ) async throws {
        try await redis.withClient { client in
            try await client.send(["CLIENT", "SETNAME", "WEB1"])
            for channel in channels { try await client.send(["SUBSCRIBE", .text(channel)]) }
            try await body()
        }
    }

    /// Shorter runs, and a rate that a machine can sustain while other tests run.
    private static let figures = [
        ("--seconds 3", "--seconds 0.2"), ("--expect 8000", "--expect 100"), ("--duration 6s", "--duration 3s"),
    ]

    private func compare(
        _ sample: FencedBlock.Sample, in world: DocumentedWorld, _ folder: String, status: Int32? = nil
    ) async throws {
        var typed = Self.figures.reduce(sample.command) { $0.replacing($1.0, with: $1.1) }
        if typed.contains("--check-only") { typed += " --listen 127.0.0.1:0" }
        try world.supply(typed, in: folder)
        let finished = try await world.run(typed, in: folder)
        let status = status ?? ShellRules.status(of: sample.command)
        #expect(finished.exit == .code(status), "\(sample)\n\(finished.output)\(finished.errors)")

        func rows(_ text: String) -> Set<String> {
            var text = world.placeholders.removed(from: text)
            if sample.command.contains("staging:6379") {
                text = text.replacing("127.0.0.1:\(world.target.port)", with: "staging:6379")
            }
            return OutputMask.rows(text.split(separator: "\n").map(String.init))
        }
        let (documented, printed) = (OutputMask.rows(sample.lines), rows(finished.output))
        #expect(!documented.isEmpty, "\(sample): no output stands there")
        // The name of a result file is printed on standard error.
        let missing = documented.subtracting(printed.union(rows(finished.errors)))
            .filter { !OutputMask.isConditional($0) }
        let added =
            sample.lines.contains("...")
            ? []
            : printed.subtracting(documented)
                .filter { !OutputMask.isConditional($0) }
        #expect(missing.isEmpty, "\(sample): it does not print these rows\n\(finished.output)\(finished.errors)")
        #expect(added.isEmpty, "\(sample): it prints these rows, too\n\(finished.output)")
    }
}
