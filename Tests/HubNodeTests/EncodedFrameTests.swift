import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import HubNode

@Suite("EncodedFrame")
struct EncodedFrameTests {
    /// NIO's decoder is the judge; lengths around those where the header grows.
    @Test(
        "is JSON, and the same JSON as one webSocket frame",
        arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
    func decodes(length: Int) throws {
        let text = String(repeating: "x", count: length)
        // Grows while it is written, too.
        let frame = EncodedFrame(capacity: 100) { $0.writeString(text) }
        #expect(String(buffer: frame.content) == text)

        let channel = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 20)))
        try channel.writeInbound(frame.webSocket)
        let decoded = try #require(try channel.readInbound(as: WebSocketFrame.self))
        #expect(decoded.fin && decoded.opcode == .text && decoded.maskKey == nil)
        #expect(String(buffer: decoded.data) == text)
        #expect(try channel.readInbound(as: WebSocketFrame.self) == nil)
        #expect(try channel.finish().isClean)
    }
}
