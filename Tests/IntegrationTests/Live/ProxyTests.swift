import Foundation
import TestSupport
import Testing

/// Both pages behind Debian's nginx, configured like in the manual: under a path and at the root, with and without
/// webSockets.
@Suite("Pages behind a proxy", .serialized, .needs(.redisServer, .chromium, .chromedriver, .nginx))
struct ProxyTests {
    @Test("the live page, with its login and its downloads", arguments: ["/relay/", "/"])
    func live(path: String) async throws {
        try await TemporaryDirectory.with { folder in
            let token = "0123456789abcdef0123456789abcdef"
            try Data(token.utf8).write(to: URL(filePath: folder + "/token"))
            try await RedisServer.with { redis in
                let arguments = [
                    "--redis", redis.url, "--channel", "chat", "--web-token-file", folder + "/token", "--record",
                    folder + "/capture", "--min-free-disk", "0",
                ]
                try await RelayProcess.with(arguments, waitsUntilReady: false) { relay in
                    // The shortest configuration that works.
                    let locations = "location \(path) { proxy_pass http://127.0.0.1:\(relay.port)/; }"
                    try await NginxServer.with(locations: locations) { proxy in
                        try await Browser.with(width: 1_000, height: 800) { browser in
                            let url = "http://127.0.0.1:\(proxy.port)\(path)"
                            try await browser.open(url)
                            #expect(try await hasStyle(browser))
                            try await browser.type("\(token)\n", into: "#token")
                            let page = WatchedPage(browser: browser)
                            try await page.waitUntilLive()
                            #expect(try await browser.text("return location.href") == url)
                            #expect(try await hasStyle(browser))
                            #expect(
                                try await browser.text("return document.cookie") == "",
                                "the cookie must be HttpOnly")
                            try await redis.withClient { client in
                                let publisher = try await NodePublisher(client, channel: "chat")
                                // Sampling starts within a second after the page is opened.
                                try await eventually("the feed passes the proxy") {
                                    _ = try await publisher.publish(1)
                                    return try await browser.text(
                                        "return `${document.querySelectorAll('#lines tr').length}`")
                                        == "0" ? nil : true
                                }
                            }
                            relay.child.signal(SIGHUP)
                            let link = "document.querySelector('#segment-rows a')"
                            try await eventually("a closed segment is there") {
                                try await browser.text("return \(link)?.href ?? ''").hasPrefix(url + "segments/")
                                    ? true : nil
                            }
                            let got = try await browser.text(
                                "const x = new XMLHttpRequest(); x.open('GET', \(link).href, false); x.send(); return `${x.status}`"
                            )
                            #expect(got == "200")
                            try await browser.click("#logout button")
                            try await eventually("it asks for the token again") {
                                try await browser.text("return document.querySelector('#token') ? '1' : ''") == "1"
                                    ? true : nil
                            }
                            #expect(try await browser.text("return location.href") == url)
                        }
                    }
                }
            }
        }
    }

    @Test(
        "the chat, over the transports that the proxy permits",
        arguments: [
            ("/hub/", true, "signalr2"), ("/hub/", false, "signalr2"), ("/", true, "signalr2"),
            ("/", false, "signalr2"), ("/hub/", true, "core"), ("/hub/", false, "core"),
        ])
    func chat(path: String, upgrades: Bool, wire: String) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, name: "node A") { port in
                let upgrade =
                    upgrades
                    ? "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; "
                    : ""
                let locations = "location \(path) { \(upgrade)proxy_pass http://127.0.0.1:\(port)/; }"
                try await NginxServer.with(locations: locations) { proxy in
                    try await Browser.with { browser in
                        try await browser.open("http://127.0.0.1:\(proxy.port)\(path)?protocol=\(wire)")
                        try await browser.type("Alice", into: "#name")
                        try await browser.click("#enter")
                        try await eventually("the chat is connected") {
                            try await browser.text("return document.querySelector('#state').dataset.state")
                                == "connected" ? true : nil
                        }
                        let transport = try await browser.text(
                            "return document.querySelector('#transport').textContent")
                        #expect(transport == (upgrades ? "webSockets" : "serverSentEvents"))
                        try await browser.type("hello\n", into: "#message")
                        try await eventually("the message returns") {
                            try await browser.text(
                                "return `${document.querySelectorAll('#messages li.own').length}`") == "1"
                                ? true : nil
                        }
                        let script = try await browser.text(
                            """
                            window.jQuery = Object.assign(() => {}, { extend: Object.assign, connection: () => {} });
                            jQuery.hubConnection = (url) => { window.told = url; return new jQuery.hubConnection.prototype.init(); };
                            jQuery.hubConnection.prototype = { init() {}, starting() {}, createHubProxy: () => ({ on() {} }) };
                            jQuery.hubConnection.prototype.init.prototype = jQuery.hubConnection.prototype;
                            const script = document.createElement('script');
                            script.src = 'signalr/hubs';
                            document.head.append(script);
                            return '';
                            """)
                        #expect(script == "")
                        try await eventually("the generated script knows its path") {
                            try await browser.text("return window.told ?? ''") == path + "signalr" ? true : nil
                        }
                    }
                }
            }
        }
    }

    private func hasStyle(_ browser: Browser) async throws -> Bool {
        try await browser.text("return `${[...document.styleSheets].some(s => s.cssRules.length > 10)}`") == "true"
    }
}
