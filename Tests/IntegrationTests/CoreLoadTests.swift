import Backplane
import Capture
import Foundation
import Redis
import TestSupport
import Testing

/// Payloads of real ASP.NET Core nodes, repeated at 20,000 per second on a real server, and read by the product's
/// commands and by an independent library.
@Suite(
    "Load of ASP.NET Core", .serialized, .needs(.redisServer), .needs(.python), .timeLimit(.minutes(5)))
struct CoreLoadTests {
    /// Publishes each payload of ARGV once.
    private static let publish = "for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end"
    private static let rate = 20_000
    private static let seconds = 3

    private struct Live: Decodable {
        var read: Int
        var wrong: Int?
    }

    /// Runs one relay per channel prefix, each recording below `folder` by the number of its setting.
    private static func withRelays<Value>(
        _ settings: ArraySlice<CoreVectors>, _ redis: RedisServer, folder: String, relays: [RelayProcess] = [],
        _ body: ([RelayProcess]) async throws -> Value
    ) async throws -> Value {
        guard let setting = settings.first else { return try await body(relays) }
        let arguments = [
            "--redis", redis.url, "--core-hub", setting.hub.type, "--channel-prefix", setting.hub.prefix,
            "--core-connections", "--record", "\(folder)/\(relays.count)",
        ]
        return try await RelayProcess.with(arguments) { relay in
            try await withRelays(settings.dropFirst(), redis, folder: folder, relays: relays + [relay], body)
        }
    }

    /// Publishes all payloads `cycles` times, at ``rate`` with absolute deadlines: late ones do not delay the rest.
    private static func publish(_ payloads: [CoreVectors.Payload], cycles: Int, to redis: RedisServer) async throws {
        let command =
            ["EVAL", .text(publish), "0"]
            + payloads.flatMap { [RESPArgument.bytes($0.channel), .bytes($0.payload)] }
        try await redis.withClient { client in
            let start = ContinuousClock.now
            for cycle in 0..<cycles {
                try await Task.sleep(
                    until: start + .nanoseconds(cycle * payloads.count * 1_000_000_000 / rate), clock: .continuous)
                try await client.send(command)
            }
        }
    }

    private static func live(_ directory: String, _ setting: CoreVectors) async throws -> Live {
        let script = try #require(Bundle.module.url(forResource: "Scripts/core_live", withExtension: "py")?.path)
        let read = try await Finished.running(.python, [script, directory, setting.path], within: .seconds(60))
        guard read.exit == .code(0) else { throw TestFailure("core_live.py: \(read.output)\(read.errors)") }
        return try JSONDecoder().decode(Live.self, from: Data(read.output.utf8))
    }

    @Test("all 147 payloads in a loop at 20,000/s: byte for byte, in order, none dropped; Python reads them live")
    func load() async throws {
        let settings = try CoreVectors.all()
        let payloads = settings.flatMap(\.payloads)
        #expect(payloads.count == 147 && Set(payloads.map(\.kind)) == Set(CoreKind.allCases))
        let cycles = Self.rate * Self.seconds / payloads.count
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await Self.withRelays(settings[...], redis, folder: folder) { relays in
                    async let publishing: Void = Self.publish(payloads, cycles: cycles, to: redis)
                    // While publishing and recording continue.
                    try await relays[0].waitForMetric("backplane_relay_written_bytes_total", atLeast: 1)
                    // The first bytes may be the header alone.
                    try await eventually("Python reads the first envelopes") {
                        let early = try await Self.live("\(folder)/0", settings[0])
                        #expect(early.wrong == nil, "\(early)")
                        return early.read > 0 ? true : nil
                    }
                    try await publishing
                    for (relay, (number, setting)) in zip(relays, settings.enumerated()) {
                        let count = setting.payloads.count * cycles
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: count, within: .seconds(60))
                        for (series, value) in try await relay.metrics()
                        where series.hasPrefix("backplane_relay_dropped_envelopes_total") {
                            #expect(value == 0, "\(series)")
                        }
                        try await eventually("Python reads all of the open capture", within: .seconds(60)) {
                            let live = try await Self.live("\(folder)/\(number)", setting)
                            #expect(live.wrong == nil, "\(live)")
                            return live.read == count ? true : nil
                        }
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                        try await expect(setting, cycles: cycles, in: "\(folder)/\(number)")
                    }
                }
            }
        }
    }

    private func expect(_ setting: CoreVectors, cycles: Int, in directory: String) async throws {
        let records = setting.payloads.map(\.record)
        var next = 0
        var wrong = 0
        var channels: Set<String> = []
        try CaptureReader(paths: [directory]).forEach { item in
            guard case .envelope(let envelope) = item else { return }
            if !envelope.payload.elementsEqual(records[next % records.count]) { wrong += 1 }
            channels.insert(envelope.channel)
            next += 1
        }
        #expect(next == records.count * cycles && wrong == 0)
        #expect(channels == [setting.hub.topic])
        let verify = try await Finished.relay(["verify", directory])
        #expect(verify.exit == .code(0), "\(verify.output) \(verify.errors)")
    }

    @Test("cat, filters, SQL and CSV agree with msgpack on each payload")
    func fields() async throws {
        let settings = try CoreVectors.all()
        let script = try #require(Bundle.module.url(forResource: "Scripts/core_fields", withExtension: "py")?.path)
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await Self.withRelays(settings[...], redis, folder: folder) { relays in
                    try await Self.publish(settings.flatMap(\.payloads), cycles: 1, to: redis)
                    for (relay, (number, setting)) in zip(relays, settings.enumerated()) {
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: setting.payloads.count)
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                        let compared = try await Finished.running(
                            .python,
                            [script, RelayProcess.path(), "\(folder)/\(number)", setting.path, setting.hub.prefix],
                            within: .seconds(60))
                        #expect(compared.exit == .code(0), "\(compared.output)\(compared.errors)")
                    }
                }
            }
        }
    }
}
