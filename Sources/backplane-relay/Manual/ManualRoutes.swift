import HTTPGuard
import Synchronization

/// The manual as web pages: `/manual/` and `/manual/<topic>`.
enum ManualRoutes {
    static let pages = OpenPages { page(at: $0) }

    private static let path = "/manual"
    private static let style = "manual.css"
    /// Articles requested so far, by topic.
    private static let rendered = Mutex<[String: String]>([:])

    /// - Parameter requested: the path of a request, percent-encoded.
    /// - Returns: nil for paths outside the manual.
    static func page(at requested: String) -> OpenPages.Page? {
        guard requested.hasPrefix(path) else { return nil }
        let rest = requested.dropFirst(path.count)
        if rest.isEmpty { return .moved(to: "manual/") }
        guard rest.first == "/" else { return nil }
        let name = String(rest.dropFirst())
        if name == style { return .style(EmbeddedText.manual_css.description) }
        guard let topic = name.isEmpty ? ManualTopic.contents : ManualTopic.named(name) else {
            return .html(document(title: "Not found", body: "<p>The manual has no such article.</p>\n"), isFound: false)
        }
        if let html = rendered.withLock({ $0[topic.name] }) { return .html(html) }
        let html = document(title: topic.title, body: MarkdownPage(topic.text, target: target).html, topic: topic)
        rendered.withLock { $0[topic.name] = html }
        return .html(html)
    }

    /// Converts `MetricsAndAlerts.md#alerts` to `metrics-and-alerts#alerts`; other addresses are unchanged.
    static func target(_ link: String) -> String {
        let file = link.prefix { $0 != "#" }
        guard file.hasSuffix(".md"), !file.contains("/"), let topic = ManualTopic.file(String(file.dropLast(3))) else {
            return link
        }
        return (topic.name == ManualTopic.contents?.name ? "./" : topic.name) + link.dropFirst(file.count)
    }

    private static func document(title: String, body: String, topic: ManualTopic? = nil) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(HTMLText.escaped(title)) - backplane-relay</title>
        <link rel="stylesheet" href="\(style)">
        </head>
        <body>
        <nav><a href="./">The manual of backplane-relay</a></nav>
        <main>
        \(body)</main>
        \(neighbours(of: topic))</body>
        </html>

        """
    }

    /// Links to the previous and next articles.
    private static func neighbours(of topic: ManualTopic?) -> String {
        guard let index = ManualTopic.all.firstIndex(where: { $0.name == topic?.name }) else { return "" }
        let next = ManualTopic.all.dropFirst(index + 1).first
        let previous = index > 0 ? ManualTopic.all[index - 1] : nil
        func link(_ topic: ManualTopic?, _ word: String) -> String {
            guard let topic else { return "" }
            let path = topic.name == ManualTopic.contents?.name ? "./" : topic.name
            return "<a href=\"\(path)\">\(word): \(HTMLText.escaped(topic.title))</a> "
        }
        return "<footer>\(link(previous, "Previous"))\(link(next, "Next"))</footer>\n"
    }
}

/// Converts the manual's Markdown to HTML: headings, paragraphs, lists, tables and fenced code. Anything else is
/// escaped text.
struct MarkdownPage {
    private(set) var html = ""
    /// Possible link fragments: headings, named like on GitHub, and `<a id="..."></a>`.
    private(set) var anchors: Set<String> = []
    /// Targets of all links, as written.
    private(set) var links: [String] = []
    private let target: (String) -> String

    /// - Parameter target: maps a link's target.
    init(_ text: String, target: @escaping (String) -> String = { $0 }) {
        self.target = target
        add(text.split(separator: "\n", omittingEmptySubsequences: false)[...])
    }

    /// The anchor of a heading: `Causes of a gap` becomes `causes-of-a-gap`.
    static func anchor(_ heading: String) -> String {
        String(
            heading.lowercased().compactMap { character in
                if character == " " { return "-" }
                return character.isLetter || character.isNumber || character == "-" || character == "_"
                    ? character : nil
            })
    }

    // MARK: - Blocks

    private mutating func add(_ lines: ArraySlice<Substring>) {
        var rest = lines
        while let line = rest.first {
            if line.allSatisfy(\.isWhitespace) {
                rest.removeFirst()
            } else if line.hasPrefix("```") {
                addCode(&rest)
            } else if line.hasPrefix("#") {
                addHeading(line)
                rest.removeFirst()
            } else if line.hasPrefix("|") {
                addTable(&rest)
            } else if line.hasPrefix("- ") {
                addList(&rest)
            } else {
                addParagraph(&rest)
            }
        }
    }

    private mutating func addHeading(_ line: Substring) {
        let level = min(line.prefix { $0 == "#" }.count, 6)
        let text = line.drop { $0 == "#" }.drop { $0 == " " }
        let anchor = Self.anchor(String(text))
        anchors.insert(anchor)
        html += "<h\(level) id=\"\(HTMLText.escaped(anchor))\">\(inline(text))</h\(level)>\n"
    }

    private mutating func addCode(_ rest: inout ArraySlice<Substring>) {
        rest.removeFirst()
        let code = rest.prefix { !$0.hasPrefix("```") }
        html += "<pre><code>" + code.map { HTMLText.escaped($0) + "\n" }.joined() + "</code></pre>\n"
        rest = rest.dropFirst(code.count + 1)
    }

    private mutating func addTable(_ rest: inout ArraySlice<Substring>) {
        let rows = rest.prefix { $0.hasPrefix("|") }
        rest = rest.dropFirst(rows.count)
        html += "<div class=\"table\"><table>\n"
        for (index, row) in rows.enumerated() where index != 1 {
            let tag = index == 0 ? "th" : "td"
            html += "<tr>" + Self.cells(row).map { "<\(tag)>\(inline($0))</\(tag)>" }.joined() + "</tr>\n"
        }
        html += "</table></div>\n"
    }

    /// The cells of one row; `\|` is a literal character.
    private static func cells(_ row: Substring) -> [Substring] {
        var cells: [Substring] = []
        var start = row.index(after: row.startIndex)
        var index = start
        while index < row.endIndex {
            if row[index] == "\\" {
                index = row.index(index, offsetBy: 2, limitedBy: row.endIndex) ?? row.endIndex
                continue
            }
            if row[index] == "|" {
                cells.append(row[start..<index].trimmingBlanks)
                start = row.index(after: index)
            }
            index = row.index(after: index)
        }
        return cells
    }

    private mutating func addList(_ rest: inout ArraySlice<Substring>) {
        html += "<ul>\n"
        while let first = rest.first, first.hasPrefix("- ") {
            rest.removeFirst()
            var item = [first.dropFirst(2)]
            while let line = rest.first {
                // A blank line belongs to the item if the next line does.
                let next = rest.dropFirst().first
                guard line.hasPrefix("  ") || (line.isEmpty && next?.hasPrefix("  ") == true) else { break }
                item.append(line.dropFirst(2))
                rest.removeFirst()
            }
            html += "<li>"
            if item.contains(where: { $0.isEmpty || $0.hasPrefix("- ") || $0.hasPrefix("```") }) {
                add(item[...])
            } else {
                html += inline(item.joined(separator: "\n")[...])
            }
            html += "</li>\n"
        }
        html += "</ul>\n"
    }

    private mutating func addParagraph(_ rest: inout ArraySlice<Substring>) {
        let lines = rest.prefix { line in
            !line.allSatisfy(\.isWhitespace) && !["```", "#", "|", "- "].contains { line.hasPrefix($0) }
        }
        rest = rest.dropFirst(lines.count)
        html += "<p>\(inline(lines.joined(separator: "\n")[...]))</p>\n"
    }

    // MARK: - Within a line

    private mutating func inline(_ text: Substring) -> String {
        var html = ""
        var rest = text
        while let character = rest.first {
            if character == "\\", let next = rest.dropFirst().first, next.isPunctuation || next.isSymbol {
                html += HTMLText.escaped(String(next))
                rest = rest.dropFirst(2)
            } else if let (code, after) = rest.enclosed("`", "`") {
                html += "<code>\(HTMLText.escaped(code.replacing("\\|", with: "|")))</code>"
                rest = after
            } else if let (bold, after) = rest.enclosed("**", "**") {
                html += "<b>\(inline(bold))</b>"
                rest = after
            } else if let (slanted, after) = rest.enclosed("*", "*"), slanted.first?.isWhitespace == false {
                html += "<em>\(inline(slanted))</em>"
                rest = after
            } else if let (id, after) = rest.enclosed("<a id=\"", "\"></a>") {
                anchors.insert(String(id))
                html += "<a id=\"\(HTMLText.escaped(id))\"></a>"
                rest = after
            } else if let (address, after) = rest.enclosed("<http", ">") {
                html += link(to: "http" + address, HTMLText.escaped("http" + address))
                rest = after
            } else if let (label, after) = rest.enclosed("[", "]"), let (address, end) = after.enclosed("(", ")") {
                html += link(to: String(address), inline(label))
                rest = end
            } else {
                html += HTMLText.escaped(String(character))
                rest = rest.dropFirst()
            }
        }
        return html
    }

    /// - Parameter label: HTML.
    private mutating func link(to address: String, _ label: String) -> String {
        links.append(address)
        // No address that a browser would execute.
        let isScript = address.prefix { $0 != "/" && $0 != "#" }.contains(":") && !address.hasPrefix("http")
        return isScript ? label : "<a href=\"\(HTMLText.escaped(target(address)))\">\(label)</a>"
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        let start = drop { $0 == " " }
        return start.dropLast(start.reversed().prefix { $0 == " " }.count)
    }

    /// The text between the marks, if it begins with the first one, and the rest.
    fileprivate func enclosed(_ open: String, _ close: String) -> (inside: Substring, after: Substring)? {
        guard hasPrefix(open) else { return nil }
        let inside = dropFirst(open.count)
        guard let end = inside.firstRange(of: close), end.lowerBound > inside.startIndex else { return nil }
        return (inside[..<end.lowerBound], inside[end.upperBound...])
    }
}
