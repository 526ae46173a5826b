import Foundation
import TestSupport
import Testing

/// A live page in a browser, as a person would see it.
struct WatchedPage: Sendable {
    let browser: Browser

    /// Opens the page of a separate relay and Redis.
    ///
    /// - Parameters:
    ///   - environment: of the relay.
    ///   - isOpen: false if the page asks for a token first.
    static func with(
        recordDirectory: String?, channel: String = "chat", options: [String] = [], environment: [String: String] = [:],
        isOpen: Bool = true, isolation: isolated (any Actor)? = #isolation,
        _ body: (WatchedPage, RedisServer, RelayProcess) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            let record = recordDirectory.map { ["--record", $0] } ?? []
            let minimum = recordDirectory == nil || options.contains("--min-free-disk") ? [] : ["--min-free-disk", "0"]
            let arguments = ["--redis", redis.url, "--channel", channel] + record + minimum + options
            try await RelayProcess.with(arguments, environment: environment, waitsUntilReady: false) { relay in
                try await Browser.with(width: 1_280, height: 900) { browser in
                    try await browser.emulate(width: 1_280, height: 900)
                    try await browser.open("http://127.0.0.1:\(relay.port)/")
                    let page = WatchedPage(browser: browser)
                    if isOpen { try await page.waitUntilLive() }
                    try await body(page, redis, relay)
                }
            }
        }
    }

    func waitUntilLive() async throws {
        try await eventually("the page is live") {
            try await text("return document.body.dataset.connection ?? ''") == "live" ? true : nil
        }
        try await startWatching()
    }

    func text(_ script: String) async throws -> String { try await browser.text(script) }

    func sentence() async throws -> String {
        try await text("return document.querySelector('.sentence').textContent")
    }

    /// The whole text of the table of events.
    func events() async throws -> String { try await text("return document.querySelector('#event-rows').textContent") }

    /// Waits until the page shows this state for the channel.
    func waitFor(_ kind: String) async throws {
        try await eventually("the channel is \(kind)", within: .seconds(15)) {
            try await text("return document.querySelector('.sentence')?.dataset.kind ?? ''") == kind ? true : nil
        }
    }

    /// Like that, and measures with the browser's clock how long after the start of `event` it was on the screen.
    func waitFor(
        _ kind: String, within limit: Duration, of event: () async throws -> Void
    ) async throws {
        try await waitFor(kind, in: "kind", within: limit, of: event)
    }

    /// Waits until the page shows that the relay is not responding; time by the browser's clock.
    func waitUntilAway(within limit: Duration, of event: () async throws -> Void) async throws {
        try await waitFor("lost", in: "away", within: limit, of: event)
    }

    /// Makes the browser note the time of each change of the observed values. Call once per document.
    func startWatching() async throws {
        _ = try await text(
            """
            if (window.changes) return '';
            window.changes = [];
            const note = () => window.changes.push({
              at: Date.now(),
              kind: document.querySelector('.sentence')?.dataset.kind,
              away: document.querySelector('#lost')?.textContent.match(/lost/)?.[0],
            });
            new MutationObserver(note)
              .observe(document.body, { attributes: true, childList: true, characterData: true, subtree: true });
            note();
            return '';
            """)
    }

    private func waitFor(
        _ value: String, in field: String, within limit: Duration, of event: () async throws -> Void
    ) async throws {
        let began = Date.now
        try await event()
        let since = Int(began.timeIntervalSince1970 * 1_000)
        let script = """
            const found = window.changes.find(change => change.\(field) === '\(value)' && change.at >= \(since));
            return found ? String(found.at) : '';
            """
        let shownAt = try await eventually("the page says \(value)", within: .seconds(15)) {
            try await Double(text(script))
        }
        let taken = shownAt / 1_000 - began.timeIntervalSince1970
        print("live page: \(value) on the screen after \(Int(taken * 1_000)) ms")
        #expect(.seconds(taken) <= limit, "\(value) was on the screen after \(taken) s")
    }

    /// Wide and narrow, light and dark; on a narrow screen nothing may overflow.
    func picture(_ name: String) async throws {
        for (width, dark) in [(1_280, false), (400, true), (400, false), (1_280, true)] {
            try await browser.emulate(width: width, height: 900, dark: dark)
            let overhang = try await text(
                "return `${document.documentElement.scrollWidth - document.documentElement.clientWidth}`")
            #expect(overhang == "0", "\(name) at \(width) px scrolls sideways by \(overhang)")
            try await browser.wholeScreenshot("live-\(name)-\(width)-\(dark ? "dark" : "light")")
        }
        try await browser.emulate(width: 1_280, height: 900)
    }

    func checkConsole() async throws {
        let errors = try await browser.consoleErrors()
        #expect(errors.isEmpty, "\(errors)")
    }
}
