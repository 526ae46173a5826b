import Backplane
import HubNode
import Loopback
import NIOPosix
import Redis
import SignalRClient
import TestSupport
import Testing

@testable import Demo

/// The nodes at the demo's second Redis, which gets a whole chat at once.
@Suite("The demo's replay at full speed", .needs(.redisServer), .timeLimit(.minutes(2)))
struct DemoReplayTests {
    private static let count = 15_000

    @Test(
        "a slow client receives more messages than a node otherwise keeps for it",
        arguments: Demo.coreWays.indices)
    func slowClients(way: Int) async throws {
        #expect(Self.count > HubNodeLimits().outboundMessages)
        let frame = Array(#"{"type":1,"target":"said","arguments":["\#(String(repeating: "x", count: 300))"]}"#.utf8)
        let payload = CorePayload.invocation(
            CoreInvocation(
                excluded: [],
                frames: [
                    CoreInvocation.Frame(protocolName: CoreFormat.json.name, bytes: frame + [0x1E]),
                    CoreInvocation.Frame(
                        protocolName: CoreFormat.messagePack.name,
                        bytes: [0x0D, 0x96, 0x01, 0x80, 0xC0, 0xA4] + Array("said".utf8) + [0x91, 0xA1, 0x78, 0x90]),
                ])
        ).encoded()
        let limits = Demo.limits(holding: Array(repeating: payload, count: Self.count))
        let heard = try await RedisServerProcess.run(keepsSlowSubscribers: true) { redis in
            let nodes = InProcessNodes(
                count: 1, redis: redis, channel: "", core: CoreBackplaneSettings(hubType: Demo.coreHub.type),
                limits: limits, version: "test", logger: Nodes.logger)
            return try await nodes.run(onPublished: { _, _, _ in }) { nodes in
                try await SharedNetwork.run { network in
                    let witness = Witness(coreNode: nodes[0].coreURL, Demo.coreWays[way], network: network)
                    try await witness.enter()
                    try await Self.publish(payload, at: redis)
                    let heard = await witness.heard(awaiting: Self.count, pause: .seconds(20))
                    await witness.leave()
                    return heard.count
                }
            }
        }
        #expect(heard == Self.count)
    }

    /// Publishes everything in one step, faster than a node reads.
    private static func publish(_ payload: [UInt8], at redis: RedisConfiguration) async throws {
        let client = try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let script = "for _ = 1, ARGV[2] do redis.call('PUBLISH', KEYS[1], ARGV[1]) end"
        let channel: String = Demo.coreHub.channel(.all)
        let reply = try await client.send([
            "EVAL", .text(script), "1", .text(channel), .bytes(payload), .text("\(count)"),
        ])
        await client.close()
        #expect(reply == .null)
    }
}
