import Foundation
import Redis
import TestSupport
import Testing

/// The live page during disk faults: writes that find the disk full, fail or hang.
@Suite("The live page and the disk", .serialized, .needs(.redisServer, .chromium, .chromedriver))
struct LivePageDiskTests {
    @Test(
        "disk space is low: paused, with what is not recorded; disk space recovered, resuming recording: healthy",
        .enabled(if: TinyDisk.shouldBeTested, "mounting takes root"))
    func paused() async throws {
        try await TinyDisk.with(megabytes: 8) { disk in
            let options = ["--min-free-disk", "2MiB", "--compression", "none"]
            try await WatchedPage.with(recordDirectory: disk + "/capture", options: options) { page, redis, _ in
                try await busy(page, redis) {
                    // The other steps must be quick.
                    try TinyDisk.fill(disk, leaving: 3 << 20)
                    // The relay checks the disk once a second.
                    try await page.waitFor("paused", within: .seconds(2)) {
                        try TinyDisk.fill(disk, leaving: 1 << 20)
                    }
                    try await eventually("unrecorded envelopes are counted") {
                        try await page.sentence().contains(
                            #/^recording paused: disk space low since \d\d:\d\d:\d\d, [1-9][\d,]* envelopes not recorded; /#
                        )
                            ? true : nil
                    }
                    try await page.picture("paused")
                    try await page.waitFor("healthy", within: .seconds(2)) { try TinyDisk.empty(disk) }
                    try await eventually("it has its row") {
                        try await page.events().contains("recording resumed") ? true : nil
                    }
                }
            }
        }
    }

    @Test("failing writes: not recording, with the loss; working again: healthy", .needs(.gcc))
    func failing() async throws {
        try await TemporaryDirectory.with { folder in
            let disk = try await FailingWrites(in: folder)
            try await WatchedPage.with(recordDirectory: folder + "/capture", environment: disk.environment) {
                page, redis, _ in
                try await busy(page, redis) {
                    try await page.waitFor("not_recording", within: .seconds(1)) { try disk.begin(.write) }
                    try await eventually("the loss is counted") {
                        try await page.sentence().contains(
                            #/^not recording: writing to the capture has failed since \d\d:\d\d:\d\d, [1-9][\d,]* envelopes lost; /#
                        )
                            ? true : nil
                    }
                    try await eventually("the failure has its row") {
                        try await page.events().contains("the capture cannot be written: Input/output error")
                            ? true : nil
                    }
                    try await page.picture("not-recording")
                    try disk.end()
                    try await page.waitFor("healthy")
                    try await eventually("its end has one too") {
                        try await page.events().contains(
                            #/writing to the capture works again; [1-9][\d,]* envelopes were lost/#)
                            ? true : nil
                    }
                }
            }
        }
    }

    @Test("a hanging write: hanging; after it returns: dropping, with the loss", .needs(.gcc))
    func stuck() async throws {
        try await TemporaryDirectory.with { folder in
            let disk = try await FailingWrites(in: folder)
            try await WatchedPage.with(
                recordDirectory: folder + "/capture", options: ["--buffer", "1MiB"], environment: disk.environment
            ) { page, redis, relay in
                try await busy(page, redis) {
                    // One second above the limit of a thread's round.
                    try await page.waitFor("hanging", within: .seconds(5)) { try disk.begin(.stuck) }
                    try await page.picture("hanging")
                    try await relay.waitForMetric(
                        #"backplane_relay_dropped_envelopes_total{reason="buffer_full"}"#, atLeast: 1)
                    try await page.waitFor("dropping", within: .seconds(1)) { try disk.end() }
                    #expect(
                        try await page.sentence().contains(
                            #/^dropping: [1-9][\d,]* envelopes received and not recorded since /#))
                    try await page.picture("dropping")
                }
            }
        }
    }

    /// - Parameter body: runs during traffic of some hundred kilobytes per second on a healthy channel.
    private func busy(
        _ page: WatchedPage, _ redis: RedisServer, _ body: () async throws -> Void
    ) async throws {
        try await redis.withClient { client in
            let publisher = try await NodePublisher(client, channel: "chat")
            let publishing = Task {
                while !Task.isCancelled {
                    _ = try await publisher.publish(10, size: 2_000)
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            defer { publishing.cancel() }
            try await page.waitFor("healthy")
            try await body()
            publishing.cancel()
            try await publishing.value
        }
        try await page.checkConsole()
    }
}
