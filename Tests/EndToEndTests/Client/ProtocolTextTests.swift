import JSON
import NIOCore
import Testing

@testable import SignalRClient

struct ProtocolTextTests {
    @Test(arguments: [
        ("http://127.0.0.1:8080/signalr", "http://127.0.0.1:8080/signalr"),
        ("HTTP://h/signalr/", "http://h:80/signalr"),
        ("https://chat.example", "https://chat.example:443"), ("ws://h:1/a/b", "http://h:1/a/b"),
        ("wss://[::1]:9/s", "https://[::1]:9/s"), ("http://[::1]", "http://[::1]:80"),
    ])
    func readsURLs(text: String, meaning: String) throws {
        #expect(try NodeURL(text).description == meaning)
    }

    @Test(arguments: [
        "", "h:80", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:x", "http://[::1",
        "http://[::1]x",
        "http://user@h", "http://h/s?x=1", "http://h/s#f", "http://h /s",
    ])
    func refusesURLs(text: String) {
        #expect(throws: SignalRClientError.badURL(text)) { try NodeURL(text) }
    }

    @Test func escapesQueries() {
        #expect(QueryText([("a", "x-._~9"), ("tok en", "+/=&é")]).text == "a=x-._~9&tok%20en=%2B%2F%3D%26%C3%A9")
    }

    @Test func readsTheNegotiationOfARealNode() throws {
        let json = try JSONTree(
            parsing:
                #"{"Url":"/signalr","ConnectionToken":"a+/b","ConnectionId":"4c77","KeepAliveTimeout":20.0,"DisconnectTimeout":30.0,"ConnectionTimeout":110.0,"TryWebSockets":true,"ProtocolVersion":"2.0","TransportConnectTimeout":5.0,"LongPollDelay":0.0}"#
        )
        let negotiation = try #require(NegotiateAnswer(json))
        #expect(negotiation.connectionToken == "a+/b")
        #expect(negotiation.keepAliveTimeout == .seconds(20))
        #expect(negotiation.disconnectTimeout == .seconds(30))
        #expect(negotiation.transportConnectTimeout == .seconds(5))
        #expect(NegotiateAnswer(["ConnectionId": "x"]) == nil)
        #expect(NegotiateAnswer([]) == nil)
    }

    @Test func silenceIsLimited() {
        let start = NIODeadline.uptimeNanoseconds(0)
        var monitor = KeepAliveMonitor(timeout: .seconds(20), now: start)
        #expect(monitor.verdict(at: start + .seconds(19)) == .alive(until: start + .seconds(20)))
        monitor.received(at: start + .seconds(10))
        #expect(monitor.verdict(at: start + .seconds(20)) == .alive(until: start + .seconds(30)))
        #expect(monitor.verdict(at: start + .seconds(30)) == .dead)
    }

    @Test func attemptsAreDelayedIncreasingly() {
        var random = SystemRandomNumberGenerator()
        #expect(RetryDelay.delay(attempt: 0, using: &random) == .zero)
        for attempt in 1..<100 {
            let delay = RetryDelay.delay(attempt: attempt, using: &random)
            #expect(delay >= .milliseconds(100) && delay <= .seconds(2))
        }
    }
}

@Suite struct AnswerTextTests {
    @Test(arguments: [
        ("<html><head><TITLE> 502 Bad\n Gateway </TITLE></head>x", "502 Bad Gateway"),
        ("<html><body><h1>No title</h1> here</body>", "No title here"), ("<title></title><b>empty</b>", "empty"),
        ("plain\n text", "plain text"), ("", ""), ("<title>\u{130}</title>", "\u{130}"),
    ])
    func `a page is its title, else its text`(body: String, quoted: String) {
        #expect(AnswerText.quote(Array(body.utf8)) == quoted)
    }

    @Test func `quotes are shortened`() {
        #expect(AnswerText.quote(Array(String(repeating: "x ", count: 1_000).utf8)).count == 200)
    }
}
