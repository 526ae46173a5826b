import Testing

@testable import backplane_relay

@Suite struct MarkdownPageTests {
    private func html(_ text: String) -> String { MarkdownPage(text).html }

    @Test(arguments: [
        ("# One *two*", "<h1 id=\"one-two\">One <em>two</em></h1>\n"),
        ("## What goes wrong, and where", "<h2 id=\"what-goes-wrong-and-where\">What goes wrong, and where</h2>\n"),
        ("a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>\n"),
        ("a **b `c*`** d", "<p>a <b>b <code>c*</code></b> d</p>\n"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>\n"),
        ("\\*a\\* \\<b\\>", "<p>*a* &lt;b&gt;</p>\n"),
        ("[a `b`](C.md#d)", "<p><a href=\"C.md#d\">a <code>b</code></a></p>\n"),
        ("<http://127.0.0.1:9464/>", "<p><a href=\"http://127.0.0.1:9464/\">http://127.0.0.1:9464/</a></p>\n"),
        ("```sh\na <b> | c\n\n# d\n```\ne", "<pre><code>a &lt;b&gt; | c\n\n# d\n</code></pre>\n<p>e</p>\n"),
        ("- a\n  b\n- c", "<ul>\n<li>a\nb</li>\n<li>c</li>\n</ul>\n"),
        ("- a:\n\n  ```\n  b\n  ```\n", "<ul>\n<li><p>a:</p>\n<pre><code>b\n</code></pre>\n</li>\n</ul>\n"),
        (
            "| a | b |\n|---|---|\n| `c\\|d` | |",
            "<div class=\"table\"><table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td><code>c|d</code></td><td></td></tr>\n</table></div>\n"
        ),
    ])
    func `a block becomes its HTML`(text: String, expected: String) {
        #expect(html(text) == expected)
    }

    @Test(arguments: [
        "<script>alert(1)</script>", "`<script>`", "<a id=\"\" onclick=\"x\"></a>", "# <script>",
        "| <img src=x onerror=y> |\n|---|", "[x](javascript:alert(1))", "<a id=\"x\"><script></a>",
        "```\n</code><script>\n```",
    ])
    func `nothing of a text becomes markup or script`(text: String) {
        let html = html(text)
        #expect(!html.contains("<script"), "\(html)")
        #expect(!html.contains("<img"))
        #expect(!html.contains("javascript:alert(1)\""), "\(html)")
        #expect(!html.contains("\" onclick=\""), "\(html)")
    }

    @Test func `anchors and links are known`() {
        let page = MarkdownPage("# Top\n\n| a |\n|---|\n| <a id=\"x1\"></a>y [z](B.md) |\n")
        #expect(page.anchors == ["top", "x1"])
        #expect(page.links == ["B.md"])
        #expect(page.html.contains("<td><a id=\"x1\"></a>y <a href=\"B.md\">z</a></td>"))
    }

    @Test(arguments: ["`", "**", "*", "[", "[a](", "<a id=\"", "<http", "```", "|", "| a", "\\", "- ", "#", "| a \\"])
    func `what is cut off is text`(text: String) {
        _ = html(text)
        _ = html("a \(text)\n\nb \(text)")
    }
}
