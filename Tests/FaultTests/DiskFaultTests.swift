import Foundation
import TestSupport
import Testing

/// Faults of the capture's files, or of their disk.
@Suite("Disk fault", .serialized, .needs(.redisServer, .python, .gcc), .timeLimit(.minutes(3)))
struct DiskFaultTests {
    @Test("a full disk that gets space again", .enabled(if: TinyDisk.shouldBeTested, "mounting takes root"))
    func fullDisk() async throws {
        try await TinyDisk.with(megabytes: 8) { disk in
            try await RedisServer.with { redis in
                let options = Scene.Options(arguments: ["--compression", "none"], directory: disk + "/capture")
                let account = try await Scene.run(redis, options) { scene in
                    try TinyDisk.fill(disk)
                    try await scene.waitUntilNotWriting()
                    try await scene.publisher.more(100)
                    try TinyDisk.empty(disk)
                    try await scene.waitUntilRecording()
                }
                account.expectBalanced("full disk")
                #expect(Set(account.missing.keys) == ["write_error"])
            }
        }
    }

    @Test("a full disk that gets space only after the relay has stopped: the capture still shows what is missing")
    func fullDiskUntilTheEnd() async throws {
        try await TemporaryDirectory.with { folder in
            let writes = try await FailingWrites(in: folder)
            try await RedisServer.with { redis in
                let account = try await Scene.run(redis, Scene.Options(environment: writes.environment)) { scene in
                    try writes.begin(.write)
                    try await scene.waitUntilNotWriting()
                    scene.publisher.isPaused = true
                    try writes.end()
                    try await scene.stopRelay()
                    scene.publisher.isPaused = false
                    try await scene.publisher.more(10)
                    try await scene.startRelay()
                    try await scene.waitUntilRecording()
                }
                account.expectBalanced("failing until the end")
                #expect(account.beyondKnowledge == 0)
            }
        }
    }

    @Test(
        "EIO from writes, at once or after half of the bytes, and from fdatasync",
        arguments: [FailingWrites.Failure.write, .short, .sync])
    func inputOutputError(failure: FailingWrites.Failure) async throws {
        try await TemporaryDirectory.with { folder in
            let writes = try await FailingWrites(in: folder)
            try await RedisServer.with { redis in
                let options = Scene.Options(arguments: ["--fsync", "100ms"], environment: writes.environment)
                let account = try await Scene.run(redis, options) { scene in
                    try writes.begin(failure)
                    try await scene.relay().waitForMetric("backplane_relay_write_errors_total", atLeast: 2)
                    try await scene.publisher.more(200)
                    try writes.end()
                    try await scene.waitUntilRecording()
                    // A segment whose last write was incomplete and could not be repaired is repaired at the next
                    // start.
                    try await scene.stopRelay()
                }
                account.expectBalanced("EIO: \(failure)")
                #expect(Set(account.missing.keys).isSubset(of: ["write_error", "not_recording"]))
            }
        }
    }

    @Test("SIGKILL while writes fail, and a start that cannot close the segment")
    func killedWhileFailing() async throws {
        try await TemporaryDirectory.with { folder in
            let writes = try await FailingWrites(in: folder)
            try await RedisServer.with { redis in
                let account = try await Scene.run(redis, Scene.Options(environment: writes.environment)) { scene in
                    try writes.begin(.write)
                    try await scene.waitUntilNotWriting()
                    await scene.killRelay()
                    try await scene.publisher.more(50)
                    try await scene.startRelay()
                    try await scene.publisher.more(50)
                    try writes.end()
                    try await scene.waitUntilRecording()
                }
                account.expectBalanced("killed while writes fail")
                #expect(account.beyondKnowledge == 0)
            }
        }
    }

    @Test(
        "a directory that becomes read-only: the open segment goes on, the next one waits",
        .enabled(if: TinyDisk.shouldBeTested, "mounting takes root"))
    func readOnlyDirectory() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis, Scene.Options(arguments: ["--segment-duration", "500ms"])) {
                scene in
                try await ReadOnly.with(scene.directory) {
                    try await scene.waitUntilNotWriting()
                    try await scene.publisher.more(100)
                }
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("read-only directory")
            #expect(Set(account.missing.keys) == ["write_error"])
        }
    }

    @Test("the directory removed under the relay: its contents are reported lost, and recording continues")
    func directoryRemoved() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                // The relay may create its next segment between the deletion of the last one and of the directory.
                try await eventually("the directory is removed") {
                    (try? FileManager.default.removeItem(atPath: scene.directory)) == nil ? nil : true
                }
                try await scene.publisher.more(500)
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("directory removed")
            #expect(account.missingTotal > 0)
        }
    }

    @Test("the segment removed under the relay: its contents are reported lost, and recording continues")
    func segmentRemoved() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                for file in try CaptureFiles.paths(in: scene.directory) {
                    try FileManager.default.removeItem(atPath: file)
                }
                try await scene.publisher.more(500)
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("segment removed")
            #expect(account.missingTotal > 0)
        }
    }

    @Test(
        "the segment cut from outside: what was cut off is reported, and recording continues",
        arguments: [0.0, 0.5, 0.95])
    func segmentTruncated(to fraction: Double) async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                // Just after a write: the relay cannot detect a cut between two checks of the file.
                let recorded = "backplane_relay_recorded_envelopes_total"
                let before = try await scene.relay().metric(recorded)
                try await scene.relay().waitForMetric(recorded, atLeast: Int(before) + 1)
                for file in try CaptureFiles.paths(in: scene.directory) {
                    let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
                    guard truncate(file, Int(Double(size) * fraction)) == 0 else {
                        throw TestFailure("truncate: errno \(errno)")
                    }
                }
                try await scene.publisher.more(500)
                try await scene.waitUntilRecording()
                // The rest of the file is closed at the next start, or removed if it is empty.
                try await scene.stopRelay()
            }
            account.expectBalanced("segment cut to \(fraction)")
            #expect(account.missingTotal > 0)
        }
    }

    @Test(
        "less space than --min-free-disk: recording pauses, says so, and goes on by itself",
        .enabled(if: TinyDisk.shouldBeTested, "mounting takes root"))
    func lowDisk() async throws {
        try await TinyDisk.with(megabytes: 16) { disk in
            try await RedisServer.with { redis in
                let options = Scene.Options(directory: disk + "/capture", minimumFreeDisk: "6MiB")
                let account = try await Scene.run(redis, options) { scene in
                    try TinyDisk.fill(disk, leaving: 4 << 20)
                    try await scene.relay().waitForMetric("backplane_relay_recording_paused", atLeast: 1)
                    try await scene.publisher.more(100)
                    try TinyDisk.empty(disk)
                    try await scene.waitUntilRecording()
                }
                account.expectBalanced("low disk")
                #expect(Set(account.missing.keys) == ["disk_low"])
            }
        }
    }
}
