import Foundation
import Redis
import TestSupport
import Testing

/// Two relays and one directory.
@Suite("Two relays", .needs(.redisServer))
struct TwoRelaysTests {
    private static let recorded = "backplane_relay_recorded_envelopes_total"

    private static func run(_ redis: RedisServer, _ directory: String) -> [String] {
        ["--redis", redis.url, "--channel", "chat", "--record", directory]
    }

    @Test("the second one is refused at its start, and by --check-only, with the file of the first one")
    func refused() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                try await RelayProcess.with(Self.run(redis, directory)) { relay in
                    // It may be ready before it has opened its first file.
                    let file = try await eventually("it records") { try? CaptureFiles.paths(in: directory).first }
                    let second = try await Finished.relay(
                        ["run", "--listen", "127.0.0.1:0"] + Self.run(redis, directory))
                    #expect(second.exit == .code(1))
                    for part in ["another relay", "records into '\(directory)'", file, "a directory of its own"] {
                        #expect(second.errors.contains(part), "\(second.errors)")
                    }
                    let check = try await Finished.relay(["run", "--check-only"] + Self.run(redis, directory))
                    #expect(check.exit == .code(1), "\(check.output)")
                    #expect(check.output.contains(file), "\(check.output)")
                    #expect(try CaptureFiles.paths(in: directory).count == 1, "the second relay must leave no file")
                    // Another directory is permitted.
                    try await RelayProcess.with(Self.run(redis, folder + "/other")) { _ in }
                    relay.child.signal(SIGKILL)
                    _ = try await relay.child.exit()
                }
                // A crash leaves no lock.
                try await RelayProcess.with(Self.run(redis, directory)) { relay in
                    let exit = try await relay.stop()
                    #expect(exit == .code(0))
                }
            }
        }
    }

    @Test("of relays started simultaneously one records")
    func atTheSameMoment() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                var children: [ChildProcess] = []
                for index in 0..<3 {
                    let own = folder + "/\(index)"
                    try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
                    children.append(
                        try await ChildProcess.start(
                            RelayProcess.path(), ["run", "--listen", "127.0.0.1:0"] + Self.run(redis, directory),
                            folder: own))
                }
                do {
                    try await eventually("all but one are refused") {
                        children.count { $0.errors.contains("another relay") } == children.count - 1 ? true : nil
                    }
                    for child in children where child.errors.contains("another relay") {
                        #expect(try await child.exit() == .code(1))
                    }
                    try await eventually("one records") {
                        (try? CaptureFiles.paths(in: directory).count) == 1 ? true : nil
                    }
                    for child in children where !child.errors.contains("another relay") {
                        child.signal(SIGTERM)
                        #expect(try await child.exit() == .code(0))
                    }
                } catch {
                    for child in children { await child.terminate() }
                    throw error
                }
            }
        }
    }

    @Test("what two relays recorded, copied into one directory, is read once by all commands")
    func copiedTogether() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let both = folder + "/both"
                try FileManager.default.createDirectory(atPath: both, withIntermediateDirectories: true)
                try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: "chat")
                    try await RelayProcess.with(Self.run(redis, folder + "/a")) { one in
                        _ = try await publisher.publish(30)
                        try await RelayProcess.with(Self.run(redis, folder + "/b")) { other in
                            _ = try await publisher.publish(30)
                            one.child.signal(SIGHUP)
                            try await one.waitForMetric("backplane_relay_segments_total", atLeast: 2)
                            _ = try await publisher.publish(30)
                            try await one.waitForMetric(Self.recorded, atLeast: 90)
                            try await other.waitForMetric(Self.recorded, atLeast: 60)
                            #expect(try await other.stop() == .code(0))
                        }
                        #expect(try await one.stop() == .code(0))
                    }
                }
                for name in ["a", "b"] {
                    for path in try CaptureFiles.paths(in: folder + "/" + name) {
                        let copy = both + "/\(name)-" + (path as NSString).lastPathComponent
                        try FileManager.default.copyItem(atPath: path, toPath: copy)
                    }
                }
                let info = try await Finished.relay(["info", both])
                #expect(info.exit == .code(0), "\(info.errors)")
                #expect(info.output.contains("complete: ids 1..90, 0 missing"), "\(info.output)")
                #expect(info.output.contains(#/recordings +2, in parallel/#), "\(info.output)")
                #expect(!info.output.contains("counter reset"))
                let cat = try await Finished.relay(["cat", both])
                #expect(cat.lines.count == 90)
                #expect(try await Finished.relay(["verify", both]).exit == .code(0))
                try await RedisServer.with { target in
                    let replay = try await Finished.relay(["replay", both, "--to", target.url, "--speed", "max"])
                    #expect(replay.output.contains(#/sent +90 envelopes/#), "\(replay.output)\(replay.errors)")
                }
                // Renamed segments are in the same order.
                let merged = try await Finished.relay(["merge", both, folder + "/a", "-o", folder + "/merged"])
                #expect(merged.exit == .code(0), "\(merged.output)\(merged.errors)")
                #expect(try await Finished.relay(["info", folder + "/merged"]).output.contains("ids 1..90, 0 missing"))
            }
        }
    }
}
