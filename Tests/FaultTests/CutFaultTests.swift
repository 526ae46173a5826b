import Foundation
import Redis
import TestSupport
import Testing

/// The link to the replication stream is cut inside what the server sends: nothing is missing or recorded twice.
@Suite("Cuts in the replication stream", .serialized, .needs(.redisServer, .python), .timeLimit(.minutes(3)))
struct CutFaultTests {
    /// The data that a server sends at a full sync.
    enum Transfer: CaseIterable {
        /// `$EOF:` and a mark, without keys.
        case diskless
        /// The same with keys.
        case disklessWithKeys
        /// `$` and the length, from a file with keys.
        case file

        var edition: RedisEdition { self == .diskless ? .redis7 : .redis6 }
        var tap: String { self == .file ? "--tap=force" : "--tap" }

        /// Without a delay the server forks at once, and there is no backlog to join instead.
        var arguments: [String] {
            ["--repl-diskless-sync", self == .file ? "no" : "yes", "--repl-diskless-sync-delay", "0"]
        }
    }

    private static var seed: UInt64 {
        ProcessInfo.processInfo.environment["FAULT_FIRST_SEED"].flatMap { UInt64($0) } ?? 1
    }

    private static func syncs(_ kind: String) -> String { #"backplane_relay_tap_syncs_total{kind="\#(kind)"}"# }

    /// Where to cut a full sync. The tap disconnects after the answer if the data has keys, so there is no data to cut.
    private static func places(_ transfer: Transfer, _ random: inout SplitMix64) -> [CuttingProxy.Place] {
        let inAnswer = CuttingProxy.Place(mark: "+FULLRESYNC ", after: Int.random(in: 0..<43, using: &random))
        guard transfer == .diskless else { return [inAnswer] }
        return [
            inAnswer,
            CuttingProxy.Place(mark: "$EOF:", after: Int.random(in: 0...41, using: &random)),
            // Its header and its first fields: Redis 7 sends about 180 bytes.
            CuttingProxy.Place(mark: "\r\nREDIS", after: Int.random(in: 0..<120, using: &random)),
        ]
    }

    @Test(
        "in a full sync: the tap continues or begins again, and nothing is missing",
        .needs(editions: .redis7, .redis6), arguments: Transfer.allCases)
    func fullSync(transfer: Transfer) async throws {
        var random = SplitMix64(seed: Self.seed)
        for place in Self.places(transfer, &random) {
            let name = "seed \(Self.seed), \(transfer): cut \(place.after) bytes after \(place.mark.debugDescription)"
            try await RedisServer.with(transfer.arguments, edition: transfer.edition) { redis in
                try await redis.command(["SET", "filler", .bytes(random.bytes(200_000))])
                try await CuttingProxy.with(to: redis) { proxy in
                    proxy.cut(at: place)
                    let options = Scene.Options(
                        seed: Self.seed, arguments: [transfer.tap], redisURL: "redis://127.0.0.1:\(proxy.port)")
                    let account = try await Scene.run(redis, options) { scene in
                        try await proxy.waitForCut(1)
                        try await scene.relay().waitForMetrics("the stream carries the channel", within: .seconds(40)) {
                            $0["backplane_relay_tap_up"] == 1
                        }
                        // The server forked for the cut attempt, and not again.
                        let info = try await redis.command(["INFO", "stats"]).text ?? ""
                        #expect(info.contains("sync_full:1\r\n"), "\(name): \(info)")
                    }
                    account.expectBalanced(name)
                    #expect(account.recorded == account.published && account.reportedMissing == 0, "\(name)")
                }
            }
        }
    }

    /// Bytes between the end of INCR's command and a place in what follows: `*3 $7 PUBLISH $4 chat $<length> <payload>
    /// *1 $4 EXEC`, each with a line end.
    private enum Kind: CaseIterable {
        case beforeCommand
        case arrayHeader
        case lengthHeader
        case name
        case lineEnd
        case channel
        case payloadLength
        case payload
        case anywhere

        func distance(_ random: inout SplitMix64) -> Int {
            let range =
                switch self {
                case .beforeCommand: 0...0
                case .arrayHeader: 1...3
                case .lengthHeader: 5...7
                case .name: 8...14
                case .lineEnd: 16...16
                case .channel: 21...25
                case .payloadLength: 28...29
                case .payload: 40...100
                // Up to and beyond the end of most payloads.
                case .anywhere: 0...700
                }
            return Int.random(in: range, using: &random)
        }
    }

    @Test("in a command: the tap continues where the last whole command ended")
    func command() async throws {
        var random = SplitMix64(seed: Self.seed)
        let kinds = (Kind.allCases + Array(repeating: .anywhere, count: 4)).shuffled(using: &random)
        let distances = kinds.map { $0.distance(&random) }
        let name = "seed \(Self.seed): cuts at \(zip(kinds, distances).map { "\($0) \($1)" }.joined(separator: ", "))"
        try await RedisServer.with(["--repl-backlog-size", "64mb"]) { redis in
            try await CuttingProxy.with(to: redis) { proxy in
                let options = Scene.Options(
                    seed: Self.seed, arguments: ["--tap"], redisURL: "redis://127.0.0.1:\(proxy.port)")
                let account = try await Scene.run(redis, options) { scene in
                    let relay = try scene.relay()
                    try await relay.waitForMetrics("the stream carries the channel", within: .seconds(40)) {
                        $0["backplane_relay_tap_up"] == 1
                    }
                    let before = Int(try await relay.metric(Self.syncs("partial")))
                    for (index, distance) in distances.enumerated() {
                        proxy.cut(
                            at: CuttingProxy.Place(
                                mark: "INCR\r\n$\(Scene.channel.count)\r\n\(Scene.channel)\r\n", after: distance))
                        try await proxy.waitForCut(index + 1)
                        try await relay.waitForMetric(Self.syncs("partial"), atLeast: before + index + 1)
                        // Only for speed: the tap backs off after links that lasted less than 250 ms.
                        try await Task.sleep(for: .milliseconds(300))
                    }
                    #expect(try await relay.metric("backplane_relay_tap_losses_total") == 0)
                    #expect(try await relay.metric(Self.syncs("full")) == 0)
                }
                account.expectBalanced(name)
                #expect(account.recorded == account.published && account.reportedMissing == 0, "\(name)")
            }
        }
    }
}
