import HTTPTypes
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Prometheus
import Testing

@testable import HTTPGuard

/// A guarded connection, from bytes to bytes, with a simulated clock.
@Suite struct RequestClockTests {
    private static let limits = HTTPLimits()
    private static let head = "GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n"
    private static let bodyHead = "POST /login HTTP/1.1\r\nHost: relay\r\nContent-Length: 300000000\r\n\r\n"
    private static let answer: [HTTPResponsePart] = [.head(HTTPResponse(status: .ok)), .end(nil)]

    private func makeGate(connections: Int = 100) -> ConnectionGate {
        var limits = Self.limits
        limits.connections = connections
        return ConnectionGate(
            limits: limits, registry: Registry(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func connected(
        to gate: ConnectionGate? = nil
    ) throws -> (channel: EmbeddedChannel, loop: EmbeddedEventLoop) {
        let gate = gate ?? makeGate()
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderListSize = Self.limits.headerBytes
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoding)
        try channel.pipeline.syncOperations.addHandlers([
            HTTP1ToHTTPServerCodec(secure: false), RequestClock(limits: Self.limits, gate: gate),
        ])
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/relay")).wait()
        return (channel, loop)
    }

    private func send(_ text: String, to channel: EmbeddedChannel) throws {
        try channel.writeInbound(ByteBuffer(string: text))
    }

    private func answer(on channel: EmbeddedChannel) throws {
        for part in Self.answer { try channel.writeOutbound(part) }
    }

    private func written(by channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    // MARK: - Time

    @Test func aClientThatSendsNothing() throws {
        let (channel, loop) = try connected()
        loop.advanceTime(by: Self.limits.header - .milliseconds(1))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test(arguments: [1, 2]) func aClientThatSendsItsHeaderSlowly(request: Int) throws {
        let (channel, loop) = try connected()
        if request == 2 {
            try send(Self.head, to: channel)
            try answer(on: channel)
            loop.advanceTime(by: .seconds(60))
        }
        for byte in "GET / HTT" {
            try send(String(byte), to: channel)
            #expect(channel.isActive)
            loop.advanceTime(by: .seconds(1))
        }
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive, "more bytes do not extend the deadline")
    }

    @Test func aClientThatSendsItsBodySlowly() throws {
        let (channel, loop) = try connected()
        try send(Self.bodyHead, to: channel)
        for _ in 0..<9 {
            loop.advanceTime(by: .seconds(1))
            try send("x", to: channel)
            #expect(channel.isActive)
        }
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive, "more bytes do not extend the deadline")
    }

    @Test func aClientThatDoesNotReadTheResponse() throws {
        let (channel, loop) = try connected()
        try send(Self.head, to: channel)
        let response = try #require(Self.limits.response)
        loop.advanceTime(by: response - .milliseconds(1))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test func aGracefulStopWaitsOnlyForAResponseInProgress() throws {
        let (idle, _) = try connected()
        idle.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(!idle.isActive)

        for part in ["GET / HTTP/1.1\r\nHo", Self.bodyHead + "x"] {
            let (asking, _) = try connected()
            try send(part, to: asking)
            asking.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            #expect(!asking.isActive)
        }

        let (waiting, loop) = try connected()
        try send(Self.head, to: waiting)
        waiting.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        loop.advanceTime(by: Self.limits.farewell - .milliseconds(1))
        #expect(waiting.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!waiting.isActive)
    }

    @Test func manyRequestsOnOneConnection() throws {
        let (channel, loop) = try connected()
        for _ in 0..<20 {
            try send(Self.head, to: channel)
            try answer(on: channel)
            loop.advanceTime(by: Self.limits.idle - .seconds(1))
            #expect(channel.isActive)
        }
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive, "idle for too long")
    }

    @Test func aStreamLastsWhileItIsRead() throws {
        let (channel, loop) = try connected()
        try send(Self.head, to: channel)
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "text/event-stream"
        try channel.writeOutbound(HTTPResponsePart.head(head))
        for _ in 0..<100 {
            loop.advanceTime(by: .seconds(1))
            try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(string: "data: 1\n\n")))
            #expect(channel.isActive)
        }
        // The connection is blocked from here on.
        loop.advanceTime(by: try #require(Self.limits.response))
        #expect(!channel.isActive)
    }

    @Test func otherResponsesHaveOneDeadline() throws {
        let (channel, loop) = try connected()
        try send(Self.head, to: channel)
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        loop.advanceTime(by: try #require(Self.limits.response) - .seconds(1))
        try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(string: "x")))
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    // MARK: - Size

    static let floods: [(name: String, start: String, piece: String)] = [
        ("lines", "GET / HTTP/1.1\r\nHost: relay\r\n", "X-Long: " + String(repeating: "x", count: 500) + "\r\n"),
        ("short lines", "GET / HTTP/1.1\r\nHost: relay\r\n", "a: b\r\n"),
        ("one line", "GET / HTTP/1.1\r\nX-Long: ", String(repeating: "x", count: 500)),
        ("a target", "GET /", String(repeating: "x", count: 500)),
        ("line ends before a request", "", String(repeating: "\r\n", count: 250)),
    ]

    @Test(arguments: floods) func tooMuchHeader(name: String, start: String, piece: String) throws {
        let (channel, loop) = try connected()
        try send(start, to: channel)
        var sent = start.utf8.count
        var text = ""
        while text.isEmpty, sent < 4 * Self.limits.headerBytes {
            try send(piece, to: channel)
            sent += piece.utf8.count
            text = try written(by: channel)
        }
        #expect(text.hasPrefix("HTTP/1.1 431 "), "\(name): \(text)")
        #expect(text.contains("\r\nConnection: close\r\n"))
        // A client that continues anyway is soon disconnected.
        for _ in 0..<(Self.limits.unreadBytes / piece.utf8.count + 1) where channel.isActive {
            try send(piece, to: channel)
        }
        #expect(!channel.isActive)
        _ = loop
    }

    @Test func dataThatIsNotHTTP() throws {
        let (channel, loop) = try connected()
        try send("\u{16}\u{3}\u{1} what is this\r\n\r\n", to: channel)
        #expect(try written(by: channel).hasPrefix("HTTP/1.1 400 "))
        loop.advanceTime(by: Self.limits.linger)
        #expect(!channel.isActive)
    }

    @Test func aRefusedBodyIsNotReadToItsEnd() throws {
        for status in [HTTPResponse.Status.contentTooLarge, .notFound] {
            let (channel, loop) = try connected()
            try send(Self.bodyHead, to: channel)
            try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: status)))
            try channel.writeOutbound(HTTPResponsePart.end(nil))
            #expect(
                try written(by: channel).lowercased().contains("connection: close") == (status == .contentTooLarge))
            let piece = String(repeating: "x", count: 64 * 1024)
            var pieces = 0
            while channel.isActive, pieces < 100 {
                try send(piece, to: channel)
                pieces += 1
            }
            #expect(pieces <= Self.limits.unreadBytes / piece.utf8.count + 1)
            _ = loop
        }
    }

    @Test func aShortBodyAfterItsResponseIsHarmless() throws {
        let (channel, _) = try connected()
        try send("POST /logout HTTP/1.1\r\nHost: relay\r\nContent-Length: 3\r\n\r\n", to: channel)
        try answer(on: channel)
        try send("abc" + Self.head, to: channel)
        try answer(on: channel)
        #expect(channel.isActive)
    }

    // MARK: - Number

    @Test func theLongestWaitingConnectionIsClosed() throws {
        let gate = makeGate(connections: 3)
        let clients = try (0..<3).map { _ in try connected(to: gate) }
        try send("GET / HTTP/1.1\r\nHost: ", to: clients[0].channel)
        try send(Self.head, to: clients[1].channel)
        let late = try connected(to: gate)
        for client in clients { client.loop.run() }
        #expect(clients.map(\.channel.isActive) == [false, true, true])
        let later = try connected(to: gate)
        for client in clients { client.loop.run() }
        #expect(clients.map(\.channel.isActive) == [false, true, false])
        try send(Self.head, to: late.channel)
        try send(Self.head, to: later.channel)
        let refused = try connected(to: gate)
        #expect(!refused.channel.isActive)
        #expect([clients[1], late, later].allSatisfy { $0.channel.isActive })
    }

    // MARK: - HEAD

    /// RFC 9112, 9.6: a client that keeps connections must not send its next request into the close.
    @Test(arguments: [("close", true), ("Keep-Alive, Close", true), ("keep-alive", false), ("closed", false)])
    func anAnswerBeforeACloseSaysSo(option: String, closes: Bool) throws {
        let (channel, _) = try connected()
        try send("GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: \(option)\r\n\r\n", to: channel)
        try answer(on: channel)
        #expect(try written(by: channel).lowercased().contains("connection: close") == closes)
    }

    @Test func aResponseToHeadHasNoBody() throws {
        let (channel, _) = try connected()
        for head in [HTTPResponse(status: .ok), HTTPResponse(status: .ok, headerFields: [.contentLength: "5"])] {
            try send("HEAD / HTTP/1.1\r\nHost: relay\r\n\r\n", to: channel)
            try channel.writeOutbound(HTTPResponsePart.head(head))
            try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(string: "never")))
            try channel.writeOutbound(HTTPResponsePart.end(nil))
            let text = try written(by: channel)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("\r\n\r\n") && !text.contains("never"))
            #expect(text.lowercased().contains("content-length: 5") == head.headerFields.contains(.contentLength))
        }
        try send(Self.head, to: channel)
        for part in [HTTPResponsePart.head(HTTPResponse(status: .ok)), .body(ByteBuffer(string: "told")), .end(nil)] {
            try channel.writeOutbound(part)
        }
        #expect(try written(by: channel).contains("told"))
    }
}
