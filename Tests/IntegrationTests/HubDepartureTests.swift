import Backplane
import Capture
import Logging
import Loopback
import NIOCore
import Preflight
import Redis
import Relay
import Synchronization
import TestSupport
import Testing

/// Hubs of ASP.NET Core whose nodes go and come back, on a real server.
@Suite("Hubs that come and go", .serialized, .needs(.redisServer), .timeLimit(.minutes(3)))
struct HubDepartureTests {
    private static let hub = CoreHub(prefix: "app:", type: "ChatHub")
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let payload = CorePayload.invocation(
        CoreInvocation(
            excluded: [],
            frames: [
                .init(
                    protocolName: "json", bytes: Array("{\"type\":1,\"target\":\"say\",\"arguments\":[]}\u{1E}".utf8))
            ])
    ).encoded()

    /// Watches all hubs with the prefix, and leaves those that were without nodes in two listings.
    ///
    /// - Parameter types: of hubs that are named too.
    private static func following(named types: [String] = []) -> CoreAttachment {
        var attachment = CoreAttachment(prefix: hub.prefix, hubs: types, findsHubs: true)
        attachment.emptyHubTime = .seconds(3)
        return attachment
    }

    private static func withRelay(
        _ attachment: CoreAttachment, on redis: RedisServer, recordingTo directory: String?,
        _ body: @escaping @Sendable (InProcessRelay) async throws -> Void
    ) async throws {
        let configuration = RelayConfiguration(
            redis: redis.configuration, backplanes: attachment.namedHubs.map { .core($0) }, core: attachment,
            recording: directory.map { CaptureWriter.Configuration(directory: $0, backplanes: []) },
            web: WebConfiguration(port: 0), version: "1", hostName: "h")
        try await InProcessRelay.run(RelayParts(configuration, logger: logger), logger: logger, body)
    }

    /// The value of a family for the hub, or of a metric without labels; nil without a series.
    private static func metric(_ relay: InProcessRelay, _ name: String) async throws -> Double? {
        let scrape = try await MetricsScrape.read(port: relay.port)
        return scrape[name] ?? scrape[#"\#(name){channel="\#(hub.topic)",backplane="core"}"#]
    }

    private static func wait(_ relay: InProcessRelay, _ name: String, _ value: Double?) async throws {
        try await eventually("\(name) is \(value.map { "\($0)" } ?? "absent")", within: .seconds(60)) {
            try await metric(relay, name) == value ? true : nil
        }
    }

    /// How often channels were listed.
    private static func listings(_ redis: RedisServer) async throws -> Int {
        let text = try await redis.command(["INFO", "commandstats"]).text ?? ""
        return text.firstMatch(of: #/cmdstat_pubsub\|channels:calls=(\d+)/#).flatMap { Int($0.1) } ?? 0
    }

    private static func publish(to redis: RedisServer) async throws {
        try await redis.command(["PUBLISH", .bytes(hub.channel(.group, Array("g".utf8))), .bytes(payload)])
    }

    /// Collects the names of the events.
    private final class Output: TailOutput, Sendable {
        let seen = Mutex<[String]>([])

        func envelope(_ envelope: CapturedEnvelope) { seen.withLock { $0.append("envelope") } }
        func event(_ event: CaptureEvent, at time: UInt64) { seen.withLock { $0.append(event.event) } }
        func flush() {}

        func wait(for word: String, count: Int = 1) async throws {
            try await eventually("the tail says \(word)", within: .seconds(60)) {
                seen.withLock { $0.count { $0 == word } } >= count ? true : nil
            }
        }
    }

    private static func withNode(
        on redis: RedisServer, _ relay: InProcessRelay, _ body: () async throws -> Void
    ) async throws {
        try await redis.withCoreNode(hub) {
            try await wait(relay, "signalr_backplane_up", 1)
            try await wait(relay, "signalr_backplane_nodes", 1)
            try await body()
        }
    }

    @Test("a hub without nodes is left, although another relay watches it by name, and recorded again with a node")
    func comeAndGo() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await Self.withRelay(Self.following(), on: redis, recordingTo: folder) { relay in
                    let output = Output()
                    let tail = Tail(
                        redis: redis.configuration, backplanes: [], core: Self.following(), logger: Self.logger)
                    let tailing = Task { try await tail.run { _ in output } }
                    defer { tailing.cancel() }
                    try await output.wait(for: "subscribed")
                    try await Self.withNode(on: redis, relay) {
                        try await output.wait(for: "attached")
                        try await Self.publish(to: redis)
                        try await Self.wait(relay, "signalr_backplane_envelopes_total", 1)
                        try await Self.wait(relay, "backplane_relay_watched_hubs", 1)
                    }
                    let named = Self.following(named: [Self.hub.type])
                    try await Self.withRelay(named, on: redis, recordingTo: nil) { other in
                        try await Self.wait(other, "signalr_backplane_up", 1)
                        try await Self.wait(relay, "backplane_relay_watched_hubs", 0)
                        for gauge in ["up", "nodes", "subscribers", "active_signals"] {
                            try await Self.wait(relay, "signalr_backplane_" + gauge, nil)
                        }
                        try await output.wait(for: "detached")

                        // The other relay is still subscribed, which does not bring the hub back.
                        let listings = try await Self.listings(redis)
                        try await eventually("everybody has looked again, twice", within: .seconds(60)) {
                            try await Self.listings(redis) >= listings + 14 ? true : nil
                        }
                        try await Self.publish(to: redis)
                        try await Self.wait(other, "signalr_backplane_envelopes_total", 1)
                        let watched = try await Self.metric(relay, "backplane_relay_watched_hubs")
                        let received = try await Self.metric(relay, "signalr_backplane_envelopes_total")
                        #expect(watched == 0 && received == 1)
                        let subscribers = try await redis.command([
                            "PUBSUB", "NUMSUB", .bytes(Self.hub.channel(.all, [])),
                        ]).array?.last?.integer
                        #expect(subscribers == 1, "only the relay that names the hub")

                        try await Self.withNode(on: redis, relay) {
                            try await output.wait(for: "attached", count: 2)
                            try await Self.publish(to: redis)
                            try await Self.wait(relay, "signalr_backplane_envelopes_total", 2)
                            try await output.wait(for: "envelope", count: 2)
                            // Until the node goes: then the hub is left again.
                            #expect(
                                output.seen.withLock { $0.filter { $0 != "subscribed" } }
                                    == ["attached", "envelope", "detached", "attached", "envelope"])
                        }
                    }
                }
                var seen: [String] = []
                try CaptureReader(paths: [folder]).forEach { item in
                    switch item {
                    case .envelope(let envelope): seen.append(envelope.channel)
                    case .event(let event, _) where event.event.hasSuffix("tached"): seen.append(event.event)
                    case .event: break
                    }
                }
                #expect(seen.prefix(5) == ["attached", Self.hub.topic, "detached", "attached", Self.hub.topic])
            }
        }
    }
}
