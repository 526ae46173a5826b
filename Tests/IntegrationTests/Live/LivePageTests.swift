import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// The live page for an operator: a real Chromium, a real Redis, a separate relay.
@Suite("The live page in Chromium", .serialized, .needs(.redisServer, .chromium, .chromedriver))
struct LivePageTests {
    /// From the event to the screen.
    private static let promise = Duration.seconds(1)

    @Test("a busy channel; then a gap and a Redis outage, each on the screen within a second; then healthy again")
    func busy() async throws {
        try await page(recording: true) { page, redis, _ in
            try await page.waitFor("quiet")
            try await page.picture("quiet")
            try await redis.withClient { client in
                let publisher = try await NodePublisher(client, channel: "chat")
                let traffic = Traffic(publisher)
                try await page.waitFor("healthy")
                try await Task.sleep(for: .seconds(6))
                #expect(
                    try await page.sentence().contains(
                        #/^healthy: [\d,]+ envelopes/s, latency .* nothing missing since \d\d:\d\d:\d\d$/#))
                #expect(try await page.text("return `${document.querySelectorAll('#lines tr').length}`") != "0")
                let figures = try await page.text(
                    """
                    const said = document.querySelector('.sentence').textContent.match(/healthy: (.*) envelopes.s, latency (.*?),/);
                    const shown = [...document.querySelectorAll('.charts b')].map(figure => figure.textContent);
                    return [said[1], said[2].replace('below', '<') + ' median', shown[0], shown[2].split(',')[0]].join('|');
                    """
                ).split(separator: "|")
                #expect(figures.prefix(2) == figures.suffix(2), "the line and the figures beside it must agree")
                try await eventually("the open segment shows its ids") {
                    try await page.text("return document.querySelector('#segment-rows').textContent")
                        .contains(#/[^\d]1–[1-9]\d+/#) ? true : nil
                }
                try await page.picture("busy")
                _ = try await traffic.stop()

                // Ids are assigned but not published.
                try await redis.command(["INCRBY", "chat", "12"])
                try await page.waitFor("gap", within: Self.promise) { _ = try await publisher.publish(1) }
                #expect(try await page.sentence().contains("12 ids missing since"))
                try await page.picture("gap")
            }
            try await page.waitFor("redis_down", within: Self.promise) { await redis.stop() }
            #expect(try await page.sentence().contains("Redis down: no connection since"))
            try await Task.sleep(for: .seconds(3))
            try await page.picture("redis-down")
            try await redis.start()
            try await page.waitFor("gap")
            try await page.checkConsole()
        }
    }

    @Test("without a recording the page reports it")
    func noRecording() async throws {
        try await page(recording: false, options: ["--channel", "game"]) { page, _, _ in
            try await page.waitFor("quiet")
            #expect(try await page.sentence().contains(", not recorded"))
            #expect(
                try await page.text("return document.querySelector('#segments-hint').textContent")
                    .contains("Nothing is recorded"))
            try await page.picture("no-recording")
            try await page.checkConsole()
        }
    }

    @Test("a long value is cut, and a click opens it")
    func longValues() async throws {
        try await page(recording: false, options: ["--show-payloads"]) { page, redis, _ in
            let text = String(repeating: "long ", count: 100) + "end"
            let call = #"{"H":"chatHub","M":"send","A":["\#(text)"]}"#
            let message = Message(source: "s", key: "h-chatHub", value: Array(call.utf8))
            let blob = ScaleoutMessage(messages: [message], createdTicks: 638_000_000_000_000_000).encoded()
            try await redis.withClient { client in
                let script = try await client.load(script: BackplaneScript.publish)
                try await eventually("the envelope is shown") {
                    _ = try await client.send(["EVALSHA", .text(script.sha1), "1", "chat", .bytes(blob)])
                    return try await page.text("return document.querySelector('#lines details') ? '1' : ''") == "1"
                        ? true : nil
                }
            }
            let seen = "return `${document.querySelector('#lines tr:last-child details').open}`"
            #expect(try await page.text(seen) == "false")
            try await page.browser.click("#lines tr:last-child summary")
            #expect(try await page.text(seen) == "true")
            // New lines do not close it.
            try await redis.withClient { client in
                _ = try await NodePublisher(client, channel: "chat").publish(1)
            }
            try await eventually("another line arrives") {
                try await page.text("return document.querySelector('#lines tr').textContent").contains("long")
                    ? nil : true
            }
            #expect(try await page.text(seen) == "true")
            try await page.picture("long-value")
        }
    }

    @Test("names from the wire stay text")
    func hostileNames() async throws {
        let hurt = #"<img src=x onerror="window.hurt=1">"#
        try await page(recording: true, channel: hurt, options: ["--show-payloads"]) { page, redis, _ in
            let call =
                #"{"H":"<img src=x onerror=\"window.hurt=1\">","M":"<script>window.hurt=1</script>","A":["</td>"]}"#
            let message = Message(source: "s", key: "h-" + hurt, value: Array(call.utf8))
            let blob = ScaleoutMessage(messages: [message], createdTicks: 638_000_000_000_000_000).encoded()
            try await redis.withClient { client in
                let script = try await client.load(script: BackplaneScript.publish)
                for _ in 0..<30 {
                    _ = try await client.send(["EVALSHA", .text(script.sha1), "1", .text(hurt), .bytes(blob)])
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try await eventually("the envelope is shown") {
                try await page.text("return document.querySelector('#lines').textContent").contains("<script>")
                    ? true : nil
            }
            try await eventually("the table of calls contains it") {
                try await page.text("return document.querySelector('.calls tbody').textContent").contains("<img")
                    ? true : nil
            }
            #expect(try await page.text("return document.querySelector('#lines code').textContent").contains("</td>"))
            #expect(try await page.text("return String(window.hurt)") == "undefined")
            #expect(try await page.text("return `${document.querySelectorAll('img').length}`") == "0")
            try await page.picture("hostile")
            try await page.checkConsole()
        }
    }

    @Test("the login shows the page and allows downloads; a stopped relay is shown")
    func login() async throws {
        try await TemporaryDirectory.with { folder in
            let token = "0123456789abcdef+%&="
            try Data((token + "\n").utf8).write(to: URL(filePath: folder + "/token"))
            try await page(recording: true, options: ["--web-token-file", folder + "/token"], isOpen: false) {
                page, redis, relay in
                try await page.picture("login")
                try await page.browser.type("not the token\n", into: "#token")
                try await eventually("it is refused") {
                    try await page.text("return document.querySelector('.note').textContent").contains("not the token")
                        ? true : nil
                }
                try await Task.sleep(for: .seconds(1))
                try await page.browser.type(token + "\n", into: "#token")
                try await page.waitFor("quiet")
                relay.child.signal(SIGHUP)
                let size = try await eventually("a closed segment can be downloaded") {
                    let answer = try await page.text(
                        """
                        const link = document.querySelector('#segment-rows a');
                        if (!link) return '';
                        const request = new XMLHttpRequest();
                        request.open('GET', link.href, false);
                        request.overrideMimeType('text/plain; charset=x-user-defined');
                        request.send();
                        return `${request.status} ${request.responseText.length} ${request.responseText.slice(1, 5)}`;
                        """)
                    return answer.hasPrefix("200") ? answer : nil
                }
                #expect(size.hasSuffix(" MCAP"), "\(size)")
                try await page.picture("segments")
                try await logOutAndIn(page, token: token)
                _ = try await page.browser.consoleErrors()
                try await page.startWatching()
                try await page.waitUntilAway(within: .milliseconds(1_500)) { relay.child.signal(SIGKILL) }
                try await page.picture("relay-away")
            }
        }
    }

    /// With the button.
    private func logOutAndIn(_ page: WatchedPage, token: String) async throws {
        try await page.browser.click("#logout button")
        try await eventually("the login form is back") {
            try await page.text("return document.querySelector('#token') ? 'login' : ''") == "login" ? true : nil
        }
        #expect(
            try await page.text(
                """
                const request = new XMLHttpRequest();
                request.open('GET', '/metrics', false);
                request.send();
                return String(request.status);
                """) == "401")
        try await Task.sleep(for: .seconds(1))
        try await page.browser.type(token + "\n", into: "#token")
        try await page.waitFor("quiet")
    }

    private func page(
        recording: Bool, channel: String = "chat", options: [String] = [], isOpen: Bool = true,
        _ body: (WatchedPage, RedisServer, RelayProcess) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            try await WatchedPage.with(
                recordDirectory: recording ? folder + "/capture" : nil, channel: channel, options: options,
                isOpen: isOpen, body)
        }
    }
}
