import Testing

@testable import SignalRClient

@Suite struct AnswerTextTests {
    @Test(arguments: [
        ("<html><head><TITLE> 502 Bad\n Gateway </TITLE></head>x", "502 Bad Gateway"),
        ("<html><body><h1>No title</h1> here</body>", "No title here"), ("<title></title><b>empty</b>", "empty"),
        ("plain\n text", "plain text"), ("", ""), ("<title>\u{130}</title>", "\u{130}"),
    ])
    func `a page is its title, else its text`(body: String, quoted: String) {
        #expect(AnswerText.quote(Array(body.utf8)) == quoted)
    }

    @Test func `no quote is long`() {
        #expect(AnswerText.quote(Array(String(repeating: "x ", count: 1_000).utf8)).count == 200)
    }
}
