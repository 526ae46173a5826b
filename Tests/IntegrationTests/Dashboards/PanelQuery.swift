import Foundation
import TestSupport

/// One expression of a dashboard, with its variables replaced like by a user's selection in Grafana.
struct PanelQuery: Sendable, CustomStringConvertible {
    /// The name of the file without `.json`.
    let dashboard: String
    /// The panel's title, or the annotation's name.
    let panel: String
    /// `A`, `B`, ...; empty for an annotation.
    let letter: String
    let expression: String
    /// Whether the panel shows only the present value; otherwise it is a graph.
    let isInstant: Bool

    var description: String { "\(dashboard): \(panel)" + (letter.isEmpty ? "" : " \(letter)") }

    static func all() throws -> [PanelQuery] {
        let folder = Repository.dashboards.appending(path: "grafana")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
            .sorted().flatMap { name in
                let model = try JSONDecoder().decode(
                    Model.self, from: Data(contentsOf: folder.appending(path: name)))
                return model.queries(dashboard: String(name.dropLast(".json".count)))
            }
    }

    /// - Returns: the numeric points of each series; series without one are left out.
    func ask(_ prometheus: PrometheusServer) async throws -> [PrometheusServer.Series] {
        do {
            let answer =
                isInstant
                ? try await prometheus.query(expression)
                : try await prometheus.query(expression, lastSeconds: 10)
            return answer.filter { $0.values.contains(where: \.isFinite) }
        } catch {
            throw TestFailure("\(self): \(error)\n\(expression)")
        }
    }
}

/// The location of the files under test.
enum Repository {
    static let dashboards = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "dashboards")
}

/// The parts of a dashboard in Grafana's classic model that are read.
private struct Model: Decodable {
    let panels: [Panel]
    let annotations: Annotations

    struct Panel: Decodable {
        let title: String?
        let targets: [Target]?
        let panels: [Panel]?
    }

    struct Target: Decodable {
        let refId: String
        let expr: String
        let instant: Bool?
    }

    struct Annotations: Decodable { let list: [Annotation] }

    struct Annotation: Decodable {
        let name: String
        let expr: String?
    }

    func queries(dashboard: String) -> [PanelQuery] {
        let ofPanels = panels.flatMap { [$0] + ($0.panels ?? []) }.flatMap { panel in
            (panel.targets ?? []).map { target in
                PanelQuery(
                    dashboard: dashboard, panel: panel.title ?? "", letter: target.refId,
                    expression: Self.substituted(target.expr), isInstant: target.instant ?? false)
            }
        }
        let ofAnnotations = annotations.list.compactMap { annotation in
            annotation.expr.map {
                PanelQuery(
                    dashboard: dashboard, panel: annotation.name, letter: "", expression: Self.substituted($0),
                    isInstant: false)
            }
        }
        return ofPanels + ofAnnotations
    }

    /// Grafana's values with a scrape interval of 1 s, the last five minutes, and "All" in every selection.
    private static func substituted(_ expression: String) -> String {
        expression.replacing("$__rate_interval", with: "10s").replacing("$__range", with: "5m")
            .replacing("$__interval", with: "1s").replacing(#/\$\{?\w+\}?/#, with: ".+")
    }
}
