import Testing

@testable import HubNode

@Suite("Negotiation")
struct NegotiationTests {
    private static let versions: [(asked: String?, answered: String)] = [
        ("1.2", "1.2"), ("1.3", "1.3"), ("1.4", "1.4"), ("1.5", "1.5"), ("2.0", "2.0"),
        // Too low or too high.
        ("0.0", "1.2"), ("0.9", "1.2"), ("1.0", "1.2"), ("1.1", "1.2"), ("2.1", "2.0"), ("3.0", "2.0"), ("9.9", "2.0"),
        ("2.99", "2.0"), ("10.0", "2.0"), ("2147483647.0", "2.0"),
        // Three and four numbers: greater than their prefix of two.
        ("2.1.0", "2.0"), ("2.0.0", "2.0"), ("1.5.0", "1.5.0"), ("1.5.1.1", "1.5.1.1"), ("1.2.0.0", "1.2.0.0"),
        ("1.1.9.9", "1.2"), ("1.5.1.1.1", "1.2"), (" +1 . 5\t", "1.5"),
        // Compared as numbers, not text: 1.10 is above 1.2.
        ("1.10", "1.10"), ("01.05", "1.5"), ("0.99", "1.2"),
        // Invalid versions.
        (nil, "1.2"), ("", "1.2"), ("abc", "1.2"), ("1", "1.2"), ("2", "1.2"), (".", "1.2"), ("2.", "1.2"),
        (".5", "1.2"), ("1..5", "1.2"), ("1.5x", "1.2"), ("1,5", "1.2"), ("1.-5", "1.2"), ("-2.0", "1.2"),
        ("2147483648.0", "1.2"), ("2.0\"", "1.2"),
    ]

    @Test("the version is clamped to 1.2 to 2.0", arguments: versions)
    func version(asked: String?, answered: String) {
        #expect(Negotiation.version(for: asked) == answered)
    }

    @Test(
        "equals a real node's response",
        arguments: [
            "negotiate clientProtocol=1.2", "negotiate clientProtocol=1.4", "negotiate clientProtocol=1.5",
            "negotiate clientProtocol=2.0", "negotiate clientProtocol=2.1", "negotiate clientProtocol=9.9",
            "negotiate clientProtocol=abc", "negotiate clientProtocol=",
            "negotiate without clientProtocol and connectionData", "negotiate of the persistent connection",
        ])
    func asRecorded(title: String) throws {
        let recording = try Recording.named(title)
        let path = try #require(recording.path.split(separator: "/").first)
        let token = try #require(recording.text.firstMatch(of: #/"ConnectionToken":"([^"]+)"/#))
        let id = try #require(recording.text.firstMatch(of: #/"ConnectionId":"([^"]+)"/#))
        let negotiation = Negotiation(
            path: "/\(path)", connectionToken: String(token.1), connectionID: String(id.1),
            clientProtocol: recording.query["clientProtocol"], timing: HubNodeTiming())
        #expect(negotiation.json == recording.text)
    }

    @Test("sends the node's timeouts, in seconds; the client tolerates one missed keep-alive")
    func timing() {
        let timing = HubNodeTiming(
            keepAlive: .milliseconds(250), disconnect: .milliseconds(1_500), longPoll: .seconds(3_600),
            transportConnect: .zero)
        let negotiation = Negotiation(
            path: #"/a"b"#, connectionToken: "t+/=", connectionID: "c", clientProtocol: "1.5", timing: timing)
        #expect(
            negotiation.json
                == #"{"Url":"/a\"b","ConnectionToken":"t+/=","ConnectionId":"c","KeepAliveTimeout":0.5,"#
                + #""DisconnectTimeout":1.5,"ConnectionTimeout":3600.0,"TryWebSockets":true,"ProtocolVersion":"1.5","#
                + #""TransportConnectTimeout":0.0,"LongPollDelay":0.0}"#)
    }
}
