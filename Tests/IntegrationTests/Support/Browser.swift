import Foundation
import TestSupport

/// A real Chromium without a window, driven over WebDriver by chromedriver.
final class Browser: Sendable {
    private let port: Int
    private let session: String

    private init(port: Int, session: String) {
        self.port = port
        self.session = session
    }

    /// Starts a separate browser and stops it when `body` returns or throws.
    static func with<Value>(
        width: Int = 800, height: Int = 700, isolation: isolated (any Actor)? = #isolation,
        _ body: (Browser) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let port = try FreePort.find()
            let driver = try await ChildProcess.start(
                Tool.chromedriver.requiredPath(), ["--port=\(port)"], folder: folder)
            do {
                try await eventually("chromedriver is ready") {
                    driver.output.contains("started successfully") ? true : nil
                }
                let options: [String: Any] = [
                    "binary": try Tool.chromium.requiredPath(),
                    "args": [
                        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                        "--window-size=\(width),\(height)", "--user-data-dir=\(folder)/profile",
                    ],
                ]
                let answer = try await call(
                    "POST", port, "/session",
                    [
                        "capabilities": [
                            "alwaysMatch": ["goog:chromeOptions": options, "goog:loggingPrefs": ["browser": "ALL"]]
                        ]
                    ])
                guard let session = (answer as? [String: Any])?["sessionId"] as? String else {
                    throw TestFailure("chromedriver opened no session: \(answer)")
                }
                let browser = Browser(port: port, session: session)
                // The browser is a child of the driver, which ends it only on request.
                let result: Value
                do {
                    result = try await body(browser)
                } catch {
                    _ = try? await browser.command("DELETE", "")
                    throw error
                }
                _ = try await browser.command("DELETE", "")
                await driver.terminate()
                return result
            } catch {
                await driver.terminate()
                throw error
            }
        }
    }

    func open(_ url: String) async throws {
        _ = try await command("POST", "/url", ["url": url])
    }

    /// Types into an element like a person; `\n` is Enter.
    func type(_ text: String, into selector: String) async throws {
        let element = try await find(selector)
        _ = try await command("POST", "/element/\(element)/value", ["text": text.replacing("\n", with: "\u{E007}")])
    }

    func click(_ selector: String) async throws {
        _ = try await command("POST", "/element/\(find(selector))/click")
    }

    /// The text returned by JavaScript code.
    func text(_ script: String) async throws -> String {
        let answer = try await command("POST", "/execute/sync", ["script": script, "args": [Any]()])
        return answer as? String ?? "\(answer)"
    }

    /// Saves a screenshot of the page in the directory named by BACKPLANE_RELAY_SCREENSHOTS.
    func screenshot(_ name: String) async throws {
        guard let folder = ProcessInfo.processInfo.environment["BACKPLANE_RELAY_SCREENSHOTS"] else { return }
        guard let text = try await command("GET", "/screenshot") as? String,
            let data = Data(base64Encoded: text)
        else { throw TestFailure("chromedriver made no screenshot") }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: folder + "/" + name + ".png"))
    }

    /// The same for the whole page, beyond the window's edge.
    func wholeScreenshot(_ name: String) async throws {
        let size = try await text("return `${innerWidth},${document.documentElement.scrollHeight}`")
            .split(separator: ",").compactMap { Int($0) }
        let height = try await text("return `${innerHeight}`")
        try await chromium(
            "Emulation.setDeviceMetricsOverride",
            ["width": size[0], "height": min(size[1], 4_000), "deviceScaleFactor": 1, "mobile": false])
        // A chart is resized in its next frame.
        try await Task.sleep(for: .milliseconds(200))
        try await screenshot(name)
        try await chromium(
            "Emulation.setDeviceMetricsOverride",
            ["width": size[0], "height": Int(height) ?? 700, "deviceScaleFactor": 1, "mobile": false])
    }

    /// Shows the page on a screen of this size, which may be smaller than Chromium's smallest window, in light or dark
    /// mode.
    func emulate(width: Int, height: Int, dark: Bool = false) async throws {
        try await chromium(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
        try await chromium(
            "Emulation.setEmulatedMedia",
            ["features": [["name": "prefers-color-scheme", "value": dark ? "dark" : "light"]]])
    }

    /// Errors in the page's console since the last call.
    func consoleErrors() async throws -> [String] {
        let entries = try await command("POST", "/se/log", ["type": "browser"]) as? [[String: Any]] ?? []
        return entries.filter { $0["level"] as? String == "SEVERE" }.compactMap { $0["message"] as? String }
    }

    private func chromium(_ command: String, _ parameters: [String: Any]) async throws {
        _ = try await self.command("POST", "/goog/cdp/execute", ["cmd": command, "params": parameters])
    }

    private func find(_ selector: String) async throws -> String {
        let answer = try await command("POST", "/element", ["using": "css selector", "value": selector])
        guard let element = (answer as? [String: String])?.values.first else {
            throw TestFailure("the page has no \(selector)")
        }
        return element
    }

    private func command(_ method: String, _ path: String, _ body: [String: Any] = [:]) async throws -> Any {
        try await Self.call(method, port, "/session/\(session)" + path, body)
    }

    /// One WebDriver command. Not with URLSession, which cannot parse chromedriver's headers.
    ///
    /// - Returns: its `value`.
    private static func call(_ method: String, _ port: Int, _ path: String, _ body: [String: Any]) async throws -> Any {
        let json =
            method == "POST" ? String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self) : nil
        let (status, text) = try await RawHTTP.with(port: port, method, path, form: json) { response in
            (response.status, try await response.rest())
        }
        guard status == 200 else { throw TestFailure("\(method) \(path): \(text.prefix(500))") }
        let answer = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return answer?["value"] ?? NSNull()
    }
}
