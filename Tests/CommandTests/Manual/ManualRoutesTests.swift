import HTTPGuard
import Testing

@testable import backplane_relay

@Suite struct ManualRoutesTests {
    private func html(_ path: String, found: Bool = true) throws -> String {
        let page = try #require(ManualRoutes.page(at: path), "\(path)")
        guard case .html(let text, found) = page else {
            Issue.record("\(path) is \(page)")
            return ""
        }
        return text
    }

    @Test(arguments: ManualTopic.all.map(\.name)) func `each article is a page`(topic: String) throws {
        let html = try html("/manual/" + topic)
        #expect(html.contains("<h1"))
        #expect(html.contains("<link rel=\"stylesheet\" href=\"manual.css\">"))
        // Links between articles lead to pages of the site.
        #expect(!html.contains(".md\"") && !html.contains(".md#"))
        // The content security policy permits neither.
        #expect(!html.contains("<script") && !html.contains("style="))
    }

    @Test func `an alert's address leads to its row`() throws {
        let html = try html("/manual/metrics-and-alerts")
        #expect(html.contains("<td><a id=\"backplanegaps\"></a>BackplaneGaps</td>"))
    }

    @Test func `the contents link to the articles, which link to each other`() throws {
        let contents = try html("/manual/")
        #expect(contents.contains("<a href=\"metrics-and-alerts\">"))
        #expect(try html("/manual/attach").contains("<footer><a href=\"./\">Previous"))
        #expect(ManualRoutes.target("MetricsAndAlerts.md#alerts") == "metrics-and-alerts#alerts")
        #expect(ManualRoutes.target("Manual.md") == "./")
        #expect(ManualRoutes.target("#here") == "#here")
        #expect(ManualRoutes.target("https://mcap.dev/a.md") == "https://mcap.dev/a.md")
    }

    @Test func `a missing article is not found, and other paths are not handled`() throws {
        #expect(try html("/manual/nothing", found: false).contains("no such article"))
        #expect(try html("/manual/<script>", found: false).contains("<script>") == false)
        for path in ["/", "/metrics", "/manuals", "/manualx/attach", "/x/manual/"] {
            #expect({ if case nil = ManualRoutes.page(at: path) { true } else { false } }(), "\(path)")
        }
        guard case .moved("manual/") = ManualRoutes.page(at: "/manual") else {
            Issue.record("/manual does not redirect to /manual/")
            return
        }
        guard case .style = ManualRoutes.page(at: "/manual/manual.css") else {
            Issue.record("the style sheet is missing")
            return
        }
    }
}
