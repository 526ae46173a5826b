import Backplane
import Foundation
import JSON
import NIOPosix
import Redis
import SignalRClient
import Synchronization
import TestSupport

/// A backplane with everything that `dashboards/` monitors, each a separate process: Redis, a relay that records,
/// archives, deletes and forwards, a hub node, the probe, two more subscribers, and a Prometheus with the rules of
/// `dashboards/`.
final class WatchedBackplane: Sendable {
    /// A hub node, clients and continuous envelopes.
    static let busy = "chat"
    /// Only what a test publishes; one subscriber in addition to the relay.
    static let quiet = "orders"
    /// No traffic; one subscriber in addition to the relay.
    static let still = "still"
    /// A hub of ASP.NET Core with one node and continuous envelopes of real nodes; each command and call is answered.
    static let hubOfCore = CoreHub(prefix: "orc", type: "OracleHub")

    let redis: RedisServer
    let forwardTarget: RedisServer
    let relay: RelayProcess
    let hub: ChildProcess
    let hubPort: Int
    let probe: ChildProcess
    /// Subscribes to ``quiet``.
    let subscriber: ChildProcess
    let disk: FailingWrites
    let recordDirectory: String
    /// While this file exists, the archive command fails.
    let noArchive: String
    let prometheus: PrometheusServer
    /// Whether some of the hub calls of ``keepBusy()`` fail.
    let callsFail = Atomic(false)

    private init(
        redis: RedisServer, forwardTarget: RedisServer, relay: RelayProcess, hub: ChildProcess, hubPort: Int,
        probe: ChildProcess, subscriber: ChildProcess, disk: FailingWrites, recordDirectory: String, noArchive: String,
        prometheus: PrometheusServer
    ) {
        self.redis = redis
        self.forwardTarget = forwardTarget
        self.relay = relay
        self.hub = hub
        self.hubPort = hubPort
        self.probe = probe
        self.subscriber = subscriber
        self.disk = disk
        self.recordDirectory = recordDirectory
        self.noArchive = noArchive
        self.prometheus = prometheus
    }

    static func with(_ body: (WatchedBackplane) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            try await RedisServer.with { target in
                try await TemporaryDirectory.with { folder in
                    try await with(redis, forwardingTo: target, folder: folder, body)
                }
            }
        }
    }

    private static func with(
        _ redis: RedisServer, forwardingTo target: RedisServer, folder: String,
        _ body: (WatchedBackplane) async throws -> Void
    ) async throws {
        let disk = try await FailingWrites(in: folder)
        let recordDirectory = folder + "/capture"
        let noArchive = folder + "/no-archive"
        let probePort = try FreePort.find()
        let arguments = [
            "--redis", redis.url, "--channel", busy, "--channel", quiet, "--channel", still,
            "--channel-prefix", hubOfCore.prefix, "--core-hub", hubOfCore.type, "--core-connections",
            "--ping", "1s",
            // Small, so that segments are rotated within seconds.
            "--record", recordDirectory, "--segment-duration", "2s", "--retain-size", "200KiB", "--min-free-disk",
            "1MiB",
            "--archive-command", "test ! -e \(noArchive)", "--buffer", "1MiB", "--forward", target.url,
        ]
        try await RelayProcess.with(arguments, environment: disk.environment) { relay in
            var children: [ChildProcess] = []
            func start(_ path: String, _ arguments: [String]) async throws -> ChildProcess {
                let child = try await ChildProcess.start(path, arguments, folder: folder)
                children.append(child)
                return child
            }
            do {
                let hub = try await start(
                    RelayProcess.path(),
                    [
                        "hub", "--listen", "127.0.0.1:0", "--redis", redis.url, "--channel", busy, "--core-hub",
                        "Chat.Hubs.ChatHub",
                    ])
                let probe = try await start(
                    RelayProcess.path(),
                    [
                        "check", "--redis", redis.url, "--channel", "check", "--messages", "10", "--transport",
                        "webSockets", "--interval", "2s", "--listen", "127.0.0.1:\(probePort)",
                    ])
                let cli = try Tool.redisCLI.requiredPath()
                _ = try await start(cli, ["-p", "\(redis.port)", "SUBSCRIBE", still])
                let ofNode = [
                    hubOfCore.channel(.all), hubOfCore.channel(.groupCommand), hubOfCore.channel(.ack, "web1_1"),
                    hubOfCore.channel(.result, "web1_1"),
                ]
                _ = try await start(cli, ["-p", "\(redis.port)", "SUBSCRIBE"] + ofNode)
                let subscriber = try await start(cli, ["-p", "\(redis.port)", "SUBSCRIBE", quiet])
                let hubPort = try await eventually("the hub node listens") {
                    hub.errors.firstMatch(of: #/page=http://127\.0\.0\.1:(\d+)/#).flatMap { Int($0.1) }
                }
                let targets = [
                    PrometheusServer.Target(job: "backplane-relay", port: relay.port),
                    PrometheusServer.Target(job: "backplane-hub", port: hubPort),
                    PrometheusServer.Target(job: "backplane-check", port: probePort),
                ]
                let rules = try ruleFiles(in: folder)
                try await PrometheusServer.with(scraping: targets, ruleFiles: rules) { prometheus in
                    try await body(
                        WatchedBackplane(
                            redis: redis, forwardTarget: target, relay: relay, hub: hub, hubPort: hubPort, probe: probe,
                            subscriber: subscriber, disk: disk, recordDirectory: recordDirectory, noArchive: noArchive,
                            prometheus: prometheus))
                }
                for child in children { await child.terminate() }
            } catch {
                let said = children.map { $0.errors.suffix(1_000) }.joined(separator: "\n")
                for child in children { await child.terminate() }
                throw TestFailure("\(error)\n\(said)")
            }
        }
    }

    /// The rules of `dashboards/`, with alert durations of at most two seconds instead of minutes, to keep the test
    /// short; the windows of the expressions are unchanged.
    private static func ruleFiles(in folder: String) throws -> [String] {
        try ["rules.yaml", "alerts.yaml"].map { name in
            let text = try String(
                contentsOf: Repository.dashboards.appending(path: "prometheus/\(name)"), encoding: .utf8)
            let path = folder + "/" + name
            try text.replacing(#/\bfor: \d+[mh]\b/#, with: "for: 2s")
                .write(toFile: path, atomically: false, encoding: .utf8)
            return path
        }
    }

    // MARK: - Traffic

    /// Envelopes of a node, calls of hub clients and short connections, through all faults, until the task is
    /// cancelled.
    func keepBusy() async {
        await withTaskGroup { group in
            group.addTask { await self.publish() }
            group.addTask { await self.call() }
            group.addTask { await self.publishOfCore() }
            group.addTask { await self.acknowledgePings() }
        }
    }

    private func publishOfCore() async {
        let payloads = (try? CoreVectors.all().first { $0.hub == Self.hubOfCore }?.answered) ?? []
        while !Task.isCancelled {
            try? await redis.withClient { client in
                while !Task.isCancelled {
                    for payload in payloads {
                        try await client.send(["PUBLISH", .bytes(payload.channel), .bytes(payload.payload)])
                    }
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Holds one connection of ``hubOfCore`` like a node, and acknowledges group commands for it.
    private func acknowledgePings() async {
        while !Task.isCancelled {
            let (messages, continuation) = AsyncStream.makeStream(of: RESPValue.self)
            let listener = try? await RedisClient.connect(
                to: redis.configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton
            ) { continuation.yield($0) }
            if let listener {
                let watch = Task {
                    await listener.waitUntilClosed()
                    continuation.finish()
                }
                try? await redis.withClient { try await acknowledge(messages, from: listener, by: $0) }
                await listener.close()
                await watch.value
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func acknowledge(
        _ messages: AsyncStream<RESPValue>, from listener: RedisClient, by publisher: RedisClient
    ) async throws {
        let connection = "held"
        for channel in [Self.hubOfCore.channel(.groupCommand), Self.hubOfCore.channel(.connection, connection)] {
            try await listener.send(["SUBSCRIBE", .text(channel)])
        }
        for await message in messages {
            guard let parts = message.array, parts.count == 3, case .bulk(let payload) = parts[2],
                case .groupCommand(let command)? = try? CorePayload(decoding: payload, as: .groupCommand),
                command.connection == connection
            else { continue }
            try await publisher.send([
                "PUBLISH", .text(Self.hubOfCore.channel(.ack, command.server)),
                .bytes(CorePayload.ack(id: command.id).encoded()),
            ])
        }
    }

    private func publish() async {
        while !Task.isCancelled {
            try? await redis.withClient { client in
                let publisher = try await NodePublisher(client, channel: Self.busy)
                while !Task.isCancelled {
                    _ = try await publisher.publish(5)
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func call() async {
        while !Task.isCancelled {
            try? await SignalRNetwork.with { network in
                let client = try HubClient(port: hubPort, reconnectsByItself: false, network: network)
                try await client.signalR.start()
                for _ in 0..<5 {
                    // Each change of a group is acknowledged.
                    try await client.invoke("joinGroup", ["room"])
                    try await client.invoke("send", ["alice", "hello"])
                    try await client.invoke("sendToGroup", ["room", "alice", "hello"])
                    try await client.invoke("leaveGroup", ["room"])
                    if callsFail.load(ordering: .relaxed) { _ = try? await client.invoke("fail", ["on purpose"]) }
                    try await Task.sleep(for: .milliseconds(100))
                }
                await client.signalR.stop()
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Some megabytes per second, until the task is cancelled.
    func flood() async throws {
        let text = String(repeating: "x", count: 50_000)
        let value = #"{"H":"chatHub","M":"broadcastMessage","A":["\#(text)"]}"#
        let message = Message(source: UUID().uuidString, key: "h-chatHub", value: Array(value.utf8))
        try await redis.withClient { client in
            while !Task.isCancelled {
                for _ in 0..<5 { try await publish(message, on: Self.busy, by: client) }
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// Publishes chat messages like a node.
    @discardableResult
    func publish(_ count: Int, on channel: String) async throws -> [NodePublisher.Published] {
        try await redis.withClient { try await NodePublisher($0, channel: channel).publish(count) }
    }

    /// Publishes a message like a node.
    func publish(_ message: Message, on channel: String, by client: RedisClient) async throws {
        let now = DotNetTicks(unixNanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
        let body = ScaleoutMessage(messages: [message], createdTicks: now.rawValue)
        let script = try await client.load(script: BackplaneScript.publish)
        try await client.send(["EVALSHA", .text(script.sha1), "1", .text(channel), .bytes(body.encoded())])
    }

    /// Publishes a payload unchanged, bypassing the counter.
    func publish(payload: [UInt8], on channel: String) async throws {
        try await redis.command(["PUBLISH", .text(channel), .bytes(payload)])
    }
}
