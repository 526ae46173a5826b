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
        <title>\(MarkdownPage.escaped(title)) - backplane-relay</title>
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
            return "<a href=\"\(path)\">\(word): \(MarkdownPage.escaped(topic.title))</a> "
        }
        return "<footer>\(link(previous, "Previous"))\(link(next, "Next"))</footer>\n"
    }
}
