/// Rules in promtool's format, read line by line: a key, and the deeper indented lines below it.
struct RuleFile {
    struct Rule {
        var isAlert: Bool
        var name: String
        /// `expr`, `for`, `severity`, `summary`, `description`, `runbook_url`.
        var fields: [String: String] = [:]

        var expression: String { fields["expr"] ?? "" }
    }

    private(set) var rules: [Rule] = []

    init(_ text: String) {
        var key: (name: String, indentation: Int)?
        for line in text.split(separator: "\n") {
            let indentation = line.prefix { $0 == " " }.count
            let content = line.dropFirst(indentation)
            if content.hasPrefix("#") { continue }
            if let key, indentation > key.indentation {
                rules[rules.count - 1].fields[key.name, default: ""] += content + " "
                continue
            }
            key = nil
            let parts = content.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].drop { $0 == " " }
            if parts[0] == "- alert" || parts[0] == "- record" {
                rules.append(Rule(isAlert: parts[0] == "- alert", name: String(value)))
            } else if !rules.isEmpty, !content.hasPrefix("- ") {
                let isBlock = value == "|" || value == ">-"
                if isBlock { key = (String(parts[0]), indentation) }
                rules[rules.count - 1].fields[String(parts[0])] = isBlock ? "" : String(value)
            }
        }
    }

    var alerts: [Rule] { rules.filter(\.isAlert) }
    var recorded: [String] { rules.filter { !$0.isAlert }.map(\.name) }
}
