import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// `run` with retention, an archive, a disk guard, and payload modes.
@Suite("Storage", .serialized, .needs(.redisServer))
struct StorageTests {
    private static let channel = "chat"
    private static let recorded = "backplane_relay_recorded_envelopes_total"

    private func recording(
        _ arguments: [String], from redis: RedisServer, into directory: String,
        _ body: (RelayProcess, NodePublisher) async throws -> Void
    ) async throws {
        let base = [
            "--redis", redis.url, "--channel", Self.channel, "--record", directory, "--segment-duration", "300ms",
        ]
        try await RelayProcess.with(base + arguments) { relay in
            try await redis.withClient { client in
                try await body(relay, try await NodePublisher(client, channel: Self.channel))
            }
        }
    }

    /// Publishes until a condition is met.
    private func publish(_ publisher: NodePublisher, until what: String, _ probe: () async throws -> Bool) async throws
    {
        try await eventually(what, within: .seconds(40)) {
            _ = try await publisher.publish(20)
            try await Task.sleep(for: .milliseconds(100))
            return try await probe() ? true : nil
        }
    }

    @Test("retention: the oldest segments are deleted, other files stay, and the capture records it")
    func retention() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                mkdir(directory, 0o700)
                try Data("mine".utf8).write(to: URL(fileURLWithPath: directory + "/notes.mcap"))
                try await recording(["--retain-size", "20KiB"], from: redis, into: directory) { relay, publisher in
                    try await publish(publisher, until: "five segments are deleted") {
                        try await relay.metric(#"backplane_relay_deleted_segments_total{reason="size"}"#) >= 5
                    }
                    try await eventually("few segments are kept") {
                        try await relay.metric("backplane_relay_retained_bytes") < 60 * 1024 ? true : nil
                    }
                    #expect(try await relay.stop() == .code(0))
                }
                #expect(FileManager.default.contents(atPath: directory + "/notes.mcap") == Data("mine".utf8))
                unlink(directory + "/notes.mcap")
                let cat = try await CaptureInfo.read(directory)
                #expect(cat.damage == [])
                #expect(cat.channels.first?.missingIds == 0, "the remaining capture has no gap")
                #expect((cat.channels.first?.firstId ?? 0) > 1)
            }
        }
    }

    @Test("archive: each closed segment once, the last one at the stop, none lost to a failing command")
    func archive() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let archive = folder + "/archive"
                // Fails until the directory exists.
                let options = ["--archive-command", "cp %p \(archive)/%f"]
                try await recording(options, from: redis, into: directory) { relay, publisher in
                    try await publish(publisher, until: "a failure") {
                        try await relay.metric("backplane_relay_archive_failures_total") >= 1
                    }
                    #expect(try await relay.metric("backplane_relay_archived_segments_total") == 0)
                    try await eventually("the log has the reason") {
                        relay.child.errors.contains("cannot create regular file") ? true : nil
                    }
                    mkdir(archive, 0o700)
                    try await publish(publisher, until: "three segments are archived") {
                        try await relay.metric("backplane_relay_archived_segments_total") >= 3
                    }
                    #expect(try await relay.stop() == .code(0))
                }
                let files = try CaptureFiles.paths(in: directory)
                let last = try #require(files.last)
                let archivedLast = archive + "/" + (last as NSString).lastPathComponent
                #expect(FileManager.default.contentsEqual(atPath: last, andPath: archivedLast))

                // The rest follows at the next start.
                try await recording(options, from: redis, into: directory) { relay, _ in
                    try await eventually("nothing is pending") {
                        try await relay.metric("backplane_relay_archive_pending_segments") == 0 ? true : nil
                    }
                    #expect(try await relay.stop() == .code(0))
                }
                for file in try CaptureFiles.paths(in: directory) {
                    let copy = archive + "/" + (file as NSString).lastPathComponent
                    #expect(FileManager.default.contentsEqual(atPath: file, andPath: copy), "\(file)")
                    #expect(FileManager.default.fileExists(atPath: file + ".archived"))
                }
            }
        }
    }

    @Test(
        "disk guard: recording pauses and resumes, and each id is recorded or reported missing",
        .enabled(if: TinyDisk.isPossible, "mounting a tmpfs takes root and a container that allows it"))
    func diskGuard() async throws {
        try await RedisServer.with { redis in
            try await TinyDisk.with { disk in
                let directory = disk + "/capture"
                let options = ["--min-free-disk", "300KiB", "--compression", "none", "--segment-size", "64KiB"]
                try await recording(options, from: redis, into: directory) { relay, publisher in
                    var published = 0
                    try await eventually("recording pauses") {
                        published += try await publisher.publish(20, size: 500).count
                        try await Task.sleep(for: .milliseconds(100))
                        return try await relay.metric("backplane_relay_recording_paused") == 1 ? true : nil
                    }
                    let answer = try #require(try await HTTPAnswer.get(port: relay.port, "/-/ready"))
                    #expect(answer.status == 503)
                    let droppedForDisk = #"backplane_relay_dropped_envelopes_total{reason="disk_low"}"#
                    let before = try await relay.metric(droppedForDisk)
                    published += try await publisher.publish(50, size: 500).count
                    try await relay.waitForMetric(droppedForDisk, atLeast: Int(before) + 50)
                    try TinyDisk.throwOffBallast(of: disk)
                    try await relay.waitUntilReady()
                    published += try await publisher.publish(10, size: 500).count
                    try await relay.waitForMetric(
                        #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: published)
                    let dropped = try await relay.metric(droppedForDisk)
                    #expect(try await relay.metric("backplane_relay_write_errors_total") == 0)
                    #expect(try await relay.stop() == .code(3), "envelopes were dropped")
                    let info = try await CaptureInfo.read(directory)
                    let chat = try #require(info.channels.first)
                    #expect(chat.envelopes + Int(chat.missingIds) == published)
                    #expect(Double(chat.missingIds) == dropped)
                    #expect(chat.holes.allSatisfy { $0.cause == "disk_low" })
                }
            }
        }
    }

    @Test("payload modes: excluded data is in no file", arguments: ["hash", "none", "full"])
    func payload(mode: String) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let options =
                    ["--payload", mode, "--compression", "none"]
                    + (mode == "full" ? ["--redact-json-keys", "text"] : [])
                try await recording(options, from: redis, into: directory) { relay, _ in
                    try await redis.withClient { client in
                        let value = #"{"H":"chatHub","M":"send","A":[{"text":"c4n4ry"}]}"#
                        let message = Message(source: "s", key: "h-chatHub", value: Array(value.utf8))
                        let envelope = Envelope(id: 1, body: ScaleoutMessage(messages: [message], createdTicks: 1))
                        try await client.send(["PUBLISH", .text(Self.channel), .bytes(envelope.encoded())])
                        if mode != "full" {
                            try await client.send(["PUBLISH", .text(Self.channel), .bytes(Array("2 c4n4ry".utf8))])
                        }
                    }
                    try await relay.waitForMetric(Self.recorded, atLeast: mode == "full" ? 1 : 2)
                    #expect(try await relay.stop() == .code(0))
                    #expect(!relay.child.errors.contains("c4n4ry"))
                }
                for file in try CaptureFiles.paths(in: directory) {
                    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
                    #expect(bytes.range(of: Data("c4n4ry".utf8)) == nil, "\(file)")
                }
                let cat = try await Finished.relay(["cat", directory])
                #expect(cat.output.contains("chatHub.send") == (mode != "none"))
                let info = try await Finished.relay(["info", directory])
                #expect(info.output.contains(mode == "full" ? "redacted      text" : "payload       \(mode)"))
                let replay = try await Finished.relay(["replay", directory, "--to", redis.url, "--allow-source"])
                #expect(replay.exit == .code(mode == "none" ? 1 : 0), "\(replay.errors)")
                #expect(replay.errors.contains(mode == "none" ? "without payloads" : "hashed or redacted"))
            }
        }
    }
}
