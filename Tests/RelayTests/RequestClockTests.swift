import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import Relay

@Suite struct RequestClockTests {
    private static let limits = WebLimits()
    private static let head = HTTPRequestPart.head(
        HTTPRequest(method: .get, scheme: "http", authority: "relay", path: "/metrics"))
    private static let answer: [HTTPResponsePart] = [.head(HTTPResponse(status: .ok)), .end(nil)]

    private func connected() throws -> (channel: EmbeddedChannel, loop: EmbeddedEventLoop) {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(handler: RequestClock(limits: Self.limits), loop: loop)
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/relay")).wait()
        return (channel, loop)
    }

    private func answer(on channel: EmbeddedChannel) throws {
        for part in Self.answer { try channel.writeOutbound(part) }
    }

    @Test func aClientThatSaysNothing() throws {
        let (channel, loop) = try connected()
        loop.advanceTime(by: Self.limits.request - .milliseconds(1))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test func aClientThatDripsItsBody() throws {
        let (channel, loop) = try connected()
        try channel.writeInbound(Self.head)
        for _ in 0..<9 {
            loop.advanceTime(by: .seconds(1))
            try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "x")))
            #expect(channel.isActive)
        }
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive, "more bytes buy no more time")
    }

    @Test func aClientThatSendsTooMuch() throws {
        let (channel, _) = try connected()
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0, count: Self.limits.bodyBytes)))
        #expect(channel.isActive)
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "x")))
        #expect(!channel.isActive)
    }

    @Test func aClientThatDoesNotReadItsAnswer() throws {
        let (channel, loop) = try connected()
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        loop.advanceTime(by: Self.limits.response - .milliseconds(1))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test func atTheStopOnlyAnAnswerUnderWayIsWaitedFor() throws {
        let (idle, idleLoop) = try connected()
        idle.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        idleLoop.advanceTime(by: .milliseconds(1))
        #expect(!idle.isActive)

        let (asking, askingLoop) = try connected()
        try asking.writeInbound(Self.head)
        asking.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        askingLoop.advanceTime(by: .milliseconds(1))
        #expect(!asking.isActive)

        let (waiting, loop) = try connected()
        try waiting.writeInbound(Self.head)
        try waiting.writeInbound(HTTPRequestPart.end(nil))
        waiting.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        loop.advanceTime(by: Self.limits.farewell - .milliseconds(1))
        #expect(waiting.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!waiting.isActive)
    }

    @Test func manyRequestsOnOneConnection() throws {
        let (channel, loop) = try connected()
        for _ in 0..<20 {
            try channel.writeInbound(Self.head)
            try channel.writeInbound(HTTPRequestPart.end(nil))
            try answer(on: channel)
            loop.advanceTime(by: Self.limits.idle - .seconds(1))
            #expect(channel.isActive)
        }
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive, "idle for too long")
    }

    @Test func aStreamLastsAsLongAsItIsRead() throws {
        let (channel, loop) = try connected()
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "text/event-stream"
        try channel.writeOutbound(HTTPResponsePart.head(head))
        for _ in 0..<100 {
            loop.advanceTime(by: .seconds(1))
            try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(string: "data: 1\n\n")))
            #expect(channel.isActive)
        }
        // Nothing more gets through.
        loop.advanceTime(by: Self.limits.response)
        #expect(!channel.isActive)
    }

    @Test func otherAnswersHaveOneTimeForAllTheirPieces() throws {
        let (channel, loop) = try connected()
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        loop.advanceTime(by: Self.limits.response - .seconds(1))
        try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(string: "x")))
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }
}
