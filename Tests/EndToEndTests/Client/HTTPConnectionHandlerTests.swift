import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import SignalRClient

/// One connection without a socket, so the test determines the order of events.
@Suite struct HTTPConnectionHandlerTests {
    private static let head = HTTPClientResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok))

    /// An open connection.
    private static func connect() throws -> (channel: EmbeddedChannel, handler: HTTPConnectionHandler) {
        let handler = HTTPConnectionHandler { _ in }
        let channel = EmbeddedChannel(handler: handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        return (channel, handler)
    }

    /// Sends a request and receives the head of its response.
    private static func exchange(
        _ channel: EmbeddedChannel, _ handler: HTTPConnectionHandler
    ) throws -> HTTPExchangeResponse {
        let promise = channel.eventLoop.makePromise(of: HTTPExchangeResponse.self)
        handler.send(HTTPExchangeRequest(node: try NodeURL("http://127.0.0.1"), target: "/"), promise)
        try channel.writeInbound(head)
        return try promise.futureResult.wait()
    }

    @Test func `a reader that is released late does not close the next response`() throws {
        let (channel, handler) = try Self.connect()
        var first: HTTPExchangeResponse? = try Self.exchange(channel, handler)
        #expect(first?.status == .ok)
        try channel.writeInbound(HTTPClientResponsePart.end(nil))
        let second = try Self.exchange(channel, handler)
        // The connection learns of the release on its event loop, after the second exchange began.
        first = nil
        channel.embeddedEventLoop.run()
        #expect(channel.isActive)
        try channel.writeInbound(HTTPClientResponsePart.body(ByteBuffer(string: "hello")))
        try channel.writeInbound(HTTPClientResponsePart.end(nil))
        #expect(channel.isActive)
        withExtendedLifetime(second) {}
        _ = try? channel.finish()
    }

    @Test func `a reader that is released early closes its own response`() throws {
        let (channel, handler) = try Self.connect()
        var first: HTTPExchangeResponse? = try Self.exchange(channel, handler)
        #expect(first?.status == .ok && channel.isActive)
        first = nil
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
        _ = try? channel.finish()
    }
}
