import Backplane
import NIOPosix
import Preflight
import Redis
import TestSupport
import Testing

/// What the manual's table says is lost without a command is lost, and nothing else: with the command renamed away, as
/// managed services do.
@Suite("Lost without a command", .needs(.redisServer), .timeLimit(.minutes(2)))
struct CommandLossTests {
    /// Renamed together.
    enum Refused: String, CaseIterable {
        case nothing = ""
        case pubsub = "PUBSUB"
        case client = "CLIENT"
        case config = "CONFIG"
        case get = "GET"
        case role = "ROLE"
        case roleAndInfo = "ROLE INFO"

        var words: [String] { rawValue.split(separator: " ").map(String.init) }

        /// Whose texts name the lost metrics.
        var commands: [AskedCommand] {
            let commands = AskedCommand.allCases.filter { command in words.contains { command.title.hasPrefix($0) } }
            // The text of INFO refers to it.
            return commands + (commands.contains(.info) ? [.pubsubChannels] : [])
        }

        var lost: [Figure] {
            switch self {
            case .nothing, .role: []
            case .pubsub: [.subscribers, .dips, .egress, .nodes]
            case .client: [.outputBuffer, .connections]
            case .config: [.outputBufferLimit]
            case .get: [.issuedID, .unseenIDs, .silent]
            case .roleAndInfo: [.isMaster, .nodes]
            }
        }
    }

    enum Figure: String, CaseIterable {
        case subscribers = "signalr_backplane_subscribers"
        case dips = "signalr_backplane_subscriber_dips_total"
        case egress = "signalr_backplane_egress_bytes_total"
        case nodes = "signalr_backplane_nodes"
        case issuedID = "signalr_backplane_issued_id"
        case unseenIDs = "signalr_backplane_unseen_ids"
        case silent = "signalr_backplane_silent"
        case outputBuffer = "backplane_relay_redis_output_buffer_bytes"
        case outputBufferLimit = "backplane_relay_redis_output_buffer_limit_bytes"
        case isMaster = "backplane_relay_redis_is_master"
        case connections = "signalr_backplane_subscriber_connections"

        /// As it appears in the texts.
        var text: String { self == .connections ? "signalr_backplane_subscriber_*" : rawValue }

        func isIn(_ metrics: [String: Double]) -> Bool {
            metrics.keys.contains { $0 == rawValue || $0.hasPrefix(rawValue + "{") }
        }
    }

    @Test(arguments: Refused.allCases)
    func `the metrics that the text names are absent, and no others`(refused: Refused) async throws {
        let texts = refused.commands.map(\.loss).joined()
        for figure in refused.lost { #expect(texts.contains(figure.text), "the text lacks \(figure.text)") }
        let others = Figure.allCases.filter { !refused.lost.contains($0) }
        try await RedisServer.with(refused.words.flatMap { ["--rename-command", $0, ""] }) { redis in
            let node = try await RedisClient.connect(
                to: redis.configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, onMessage: { _ in })
            try await node.send(["SUBSCRIBE", "chat"])
            try await redis.withClient { _ = try await NodePublisher($0, channel: "chat").publish(1) }
            let arguments = ["--redis", redis.url, "--channel", "chat", "--core-hub", "ChatHub"]
            try await RelayProcess.with(arguments) { relay in
                // The nodes are counted last.
                try await relay.waitForMetrics("everything is asked") { metrics in
                    others.allSatisfy { $0.isIn(metrics) }
                        && (others.contains(.nodes) || relay.child.errors.contains("the nodes of hubs are not counted"))
                }
                let metrics = try await relay.metrics()
                #expect(refused.lost.filter { $0.isIn(metrics) } == [])
                #expect(relay.child.errors.contains("some commands are not permitted") == !refused.words.isEmpty)
                #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
            }
            await node.close()
        }
    }
}
