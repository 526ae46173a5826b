import Backplane
import Redis
import TestSupport

/// Envelopes of several hubs, signals and kinds with known ids, published unchanged.
enum MixedTraffic {
    static let payloads: [[UInt8]] = [
        payload(1, key: "h-chatHub", call: ("chatHub", "send", #""hello""#)),
        payload(2, key: "hg-chatHub.ops", source: "c2", call: ("chatHub", "alarm", #""disk \"full\"""#)),
        payload(3, key: "hg-chatHub.dev", call: ("chatHub", "send", #""hello dev""#)),
        payload(4, key: "h-gameHub", source: "c2", call: ("gameHub", "move", "1")),
        payload(5, key: "hu-gameHub.ann", call: ("gameHub", "send", "2")),
        payload(6, key: "__SIGNALR__SERVER__", call: nil),
        Array("nonsense".utf8),
    ]

    static func publish(to redis: RedisServer, channel: String = "chat") async throws {
        try await redis.withClient { client in
            for payload in payloads { try await client.send(["PUBLISH", .text(channel), .bytes(payload)]) }
        }
    }

    private static func payload(
        _ id: UInt64, key: String, source: String = "c1", call: (hub: String, method: String, argument: String)?
    ) -> [UInt8] {
        let value = call.map { #"{"H":"\#($0.hub)","M":"\#($0.method)","A":[\#($0.argument)]}"# } ?? ""
        let message = Message(source: source, key: key, value: Array(value.utf8), isAck: call == nil)
        return Envelope(id: id, body: ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000))
            .encoded()
    }
}
