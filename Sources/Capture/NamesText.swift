/// Describes which names were not found, and which exist.
package enum NamesText {
    private static let listed = 10

    /// - Parameters:
    ///   - what: `channel` or `hub`.
    ///   - names: at least one.
    ///   - place: where they were searched, such as `the capture`.
    package static func missing(_ what: String, _ names: [String], available: [String], place: String) -> String {
        let has =
            available.isEmpty
            ? "it has none"
            : "it has \(quoted(available))\(available.count > listed ? " and \(available.count - listed) more" : "")"
        return "no \(what) \(quoted(names)) in \(place); \(has)"
    }

    private static func quoted(_ names: [String]) -> String {
        names.prefix(listed).map { name in
            // Names come from others: remove anything that could control a terminal.
            let plain = name.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : String($0) }
            return "'\(plain.joined())'"
        }.joined(separator: ", ")
    }
}
