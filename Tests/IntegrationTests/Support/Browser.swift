import Foundation
import FoundationNetworking

/// A real Chromium without a window, driven over WebDriver by chromedriver.
final class Browser: Sendable {
    private let driver: ChildProcess
    private let base: String

    private init(driver: ChildProcess, base: String) {
        self.driver = driver
        self.base = base
    }

    /// Starts a browser of its own and ends it, however `body` returns.
    static func with<Value>(
        width: Int = 800, height: Int = 700, isolation: isolated (any Actor)? = #isolation,
        _ body: (Browser) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let port = try FreePort.find()
            let driver = try await ChildProcess.start(
                Tool.chromedriver.requiredPath(), ["--port=\(port)"], folder: folder)
            do {
                let url = "http://127.0.0.1:\(port)"
                try await eventually("chromedriver is ready") {
                    try await HTTPAnswer.get(port: port, "/status")?.status == 200 ? true : nil
                }
                let options: [String: Any] = [
                    "binary": try Tool.chromium.requiredPath(),
                    "args": [
                        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                        "--window-size=\(width),\(height)", "--user-data-dir=\(folder)/profile",
                    ],
                ]
                let answer = try await call(
                    "POST", url + "/session", ["capabilities": ["alwaysMatch": ["goog:chromeOptions": options]]])
                guard let session = (answer as? [String: Any])?["sessionId"] as? String else {
                    throw TestFailure("chromedriver opened no session: \(answer)")
                }
                let browser = Browser(driver: driver, base: url + "/session/" + session)
                let value = try await body(browser)
                _ = try await call("DELETE", browser.base, [:])
                await driver.terminate()
                return value
            } catch {
                await driver.terminate()
                throw error
            }
        }
    }

    func open(_ url: String) async throws {
        _ = try await Self.call("POST", base + "/url", ["url": url])
    }

    /// Types into an element as a person does; `\n` is Enter.
    func type(_ text: String, into selector: String) async throws {
        let element = try await find(selector)
        _ = try await Self.call(
            "POST", base + "/element/\(element)/value", ["text": text.replacing("\n", with: "\u{E007}")])
    }

    func click(_ selector: String) async throws {
        _ = try await Self.call("POST", base + "/element/\(find(selector))/click", [:])
    }

    /// The text that a piece of JavaScript returns.
    func text(_ script: String) async throws -> String {
        let answer = try await Self.call("POST", base + "/execute/sync", ["script": script, "args": [Any]()])
        return answer as? String ?? "\(answer)"
    }

    /// Keeps a picture of the page where somebody can look at it: below the folder that BACKPLANE_RELAY_SCREENSHOTS names.
    func screenshot(_ name: String) async throws {
        guard let folder = ProcessInfo.processInfo.environment["BACKPLANE_RELAY_SCREENSHOTS"] else { return }
        guard let text = try await Self.call("GET", base + "/screenshot", [:]) as? String,
            let data = Data(base64Encoded: text)
        else { throw TestFailure("chromedriver made no screenshot") }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: folder + "/" + name + ".png"))
    }

    private func find(_ selector: String) async throws -> String {
        let answer = try await Self.call("POST", base + "/element", ["using": "css selector", "value": selector])
        guard let element = (answer as? [String: String])?.values.first else {
            throw TestFailure("the page has no \(selector)")
        }
        return element
    }

    /// One WebDriver command.
    ///
    /// - Returns: its `value`.
    private static func call(_ method: String, _ address: String, _ body: [String: Any]) async throws -> Any {
        guard let url = URL(string: address) else { throw TestFailure("no URL: \(address)") }
        var request = URLRequest(url: url, timeoutInterval: 60)
        request.httpMethod = method
        if method == "POST" {
            request.httpBody = try JSONSerialization.data(withJSONObject: body)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        let (data, response) = try await URLSession.shared.data(for: request)
        let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            throw TestFailure("\(method) \(address): \(String(decoding: data, as: UTF8.self).prefix(500))")
        }
        return answer?["value"] ?? NSNull()
    }
}
