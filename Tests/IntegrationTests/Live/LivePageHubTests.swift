import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// ASP.NET Core hubs on the live page in Chromium, next to an event key of SignalR 2.
@Suite(
    "Hubs on the live page in Chromium", .serialized, .needs(.redisServer, .redisCLI, .chromium, .chromedriver))
struct LivePageHubTests {
    private static let options = ["--core", "--channel-prefix", "orc", "--show-payloads"]

    @Test("a hub that appears while the page is open, without nodes, then with traffic: only what its wire provides")
    func aHubComes() async throws {
        let vectors = try #require(try CoreVectors.all().first { $0.hub.prefix == "orc" })
        try await TemporaryDirectory.with { folder in
            try await WatchedPage.with(recordDirectory: nil, options: Self.options) { page, redis, _ in
                try await page.waitFor("quiet")
                #expect(try await page.text("return `${document.querySelectorAll('#channels > *').length}`") == "1")
                _ = try await page.text("document.querySelector('#channels > *').id = 'first'; return ''")
                let node = try await ChildProcess.start(
                    Tool.redisCLI.requiredPath(),
                    ["-p", "\(redis.port)", "subscribe"]
                        + [CoreKind.all, .groupCommand].map { vectors.hub.channel($0, "") }, folder: folder)
                try await eventually("the hub is on the page", within: .seconds(40)) {
                    try await page.text("return document.querySelector('#channels').textContent")
                        .contains("OracleHub") ? true : nil
                }
                #expect(try await page.text("return document.querySelector('#channels > *').id") == "first")
                try await eventually("it is received") { try await page.events().contains("hub found") ? true : nil }
                let hub = "document.querySelectorAll('#channels > *')[1]"
                await node.terminate()
                try await eventually("the hub has no subscribers", within: .seconds(40)) {
                    try await page.text("return \(hub).dataset.kind") == "no_nodes" ? true : nil
                }
                try await page.picture("hub-without-nodes")
                try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: "chat")
                    // Long enough for the counters to appear on the page, with all kinds in the feed.
                    for _ in 0..<30 {
                        for vector in vectors.payloads {
                            _ = try await client.send(["PUBLISH", .bytes(vector.channel), .bytes(vector.payload)])
                        }
                        _ = try await publisher.publish(5)
                        try await Task.sleep(for: .milliseconds(100))
                    }
                }
                try await eventually("its tables") {
                    try await page.text("return \(hub).querySelector('.protocols').textContent")
                        .contains("messagepack") ? true : nil
                }
                let titles = try await page.text(
                    "return [...\(hub).querySelectorAll('figcaption span')].map(span => span.textContent).join('|')")
                #expect(
                    titles
                        == "Envelopes per second|Bytes per second|Time to ack|Missing acks")
                #expect(
                    try await page.text("return \(hub).querySelector('.sentence').textContent")
                        .contains("completeness is unknown on this wire"))
                #expect(try await page.text("return \(hub).querySelector('.commands').textContent").contains("group"))
                let lines = try await page.text("return document.querySelector('#lines').textContent")
                #expect(lines.contains("OracleHub.") && lines.contains("chat"))
                try await page.picture("hubs")
                try await page.checkConsole()
            }
        }
    }
}
