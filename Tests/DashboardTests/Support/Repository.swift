import Foundation
import Testing

/// The location of the files under test.
enum Repository {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let prometheus = folder.appending(path: "dashboards/prometheus")
    static let grafana = folder.appending(path: "dashboards/grafana")

    static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appending(path: path), encoding: .utf8)
    }

    static let dashboardNames: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: grafana.path)) ?? [])
        .filter { $0.hasSuffix(".json") }.sorted()

    static func dashboard(_ name: String) throws -> Dashboard {
        try Dashboard(json: Data(contentsOf: grafana.appending(path: name)))
    }
}
