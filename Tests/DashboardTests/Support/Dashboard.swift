import Foundation

/// The parts of a dashboard in Grafana's classic model that the lint checks.
struct Dashboard: Decodable {
    let uid: String
    let title: String
    let schemaVersion: Int
    let editable: Bool?
    let templating: Templating
    let annotations: Annotations?
    /// Rows, each followed by the panels folded into it.
    let panels: [Panel]

    private enum CodingKeys: CodingKey {
        case uid, title, schemaVersion, editable, templating, annotations, panels
    }

    init(json: Data) throws {
        self = try JSONDecoder().decode(Self.self, from: json)
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        uid = try values.decode(String.self, forKey: .uid)
        title = try values.decode(String.self, forKey: .title)
        schemaVersion = try values.decode(Int.self, forKey: .schemaVersion)
        editable = try values.decodeIfPresent(Bool.self, forKey: .editable)
        templating = try values.decode(Templating.self, forKey: .templating)
        annotations = try values.decodeIfPresent(Annotations.self, forKey: .annotations)
        panels = try values.decode([Panel].self, forKey: .panels).flatMap { [$0] + ($0.panels ?? []) }
    }

    struct Templating: Decodable { let list: [Variable] }

    struct Variable: Decodable {
        let name: String
        let label: String?
        let type: String
        let query: String?
        let datasource: DataSource?
        let refresh: Int?
        let multi: Bool?
        let allValue: String?
    }

    struct DataSource: Decodable {
        let type: String?
        let uid: String
    }

    struct Annotations: Decodable { let list: [Annotation] }

    struct Annotation: Decodable {
        let name: String
        let expr: String?
    }

    struct Panel: Decodable {
        let id: Int
        let type: String
        let title: String?
        let description: String?
        let datasource: DataSource?
        let gridPos: Position
        let fieldConfig: FieldConfig?
        let targets: [Target]?
        let panels: [Panel]?

        var isRow: Bool { type == "row" }
        var unit: String? { fieldConfig?.defaults.unit }
    }

    struct Position: Decodable {
        let x, y, w, h: Int
    }

    struct FieldConfig: Decodable {
        let defaults: Defaults

        struct Defaults: Decodable { let unit: String? }
    }

    struct Target: Decodable {
        let expr: String?
        let datasource: DataSource?
    }

    /// Every expression, with the name of the panel or variable that uses it.
    var expressions: [(owner: String, expression: String)] {
        panels.flatMap { panel in (panel.targets ?? []).map { (panel.title ?? "?", $0.expr ?? "") } }
            + (annotations?.list ?? []).compactMap { annotation in annotation.expr.map { (annotation.name, $0) } }
    }
}
