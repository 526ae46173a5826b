import TestSupport

/// A closed capture of a few chunks, recorded by a real relay from a real Redis.
enum SmallCapture {
    static let channel = "chat"

    /// - Parameters:
    ///   - bursts: one chunk each: the next burst starts when the previous one is in the file.
    ///   - envelopes: per burst.
    /// - Returns: the payloads, in order.
    static func record(
        from redis: RedisServer, into directory: String, bursts: Int = 4, envelopes: Int = 10
    ) async throws -> [[UInt8]] {
        try await RelayProcess.with(["--redis", redis.url, "--channel", channel, "--record", directory]) { relay in
            let payloads = try await redis.withClient { client in
                let publisher = try await NodePublisher(client, channel: channel)
                var payloads: [[UInt8]] = []
                for _ in 0..<bursts {
                    payloads += try await publisher.publish(envelopes).map(\.payload)
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: payloads.count)
                }
                return payloads
            }
            guard try await relay.stop() == .code(0) else { throw TestFailure("the relay did not end well") }
            return payloads
        }
    }

    /// A payload without the id that the script added.
    static func blob(of payload: some Collection<UInt8>) -> [UInt8] {
        Array(payload.drop { $0 != UInt8(ascii: " ") }.dropFirst())
    }
}
