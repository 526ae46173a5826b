import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import HubNode

@Suite("Frame")
struct FrameTests {
    private static let frames: [(frame: Frame, text: String)] = [
        (Frame(cursor: 0), #"{"C":"s-0,0","M":[]}"#),
        (Frame(cursor: 0x1E, initialized: true), #"{"C":"s-0,1E","S":1,"M":[]}"#),
        (Frame(cursor: 1, reconnect: true), #"{"C":"s-0,1","T":1,"M":[]}"#),
        (Frame(cursor: 0x20, groupsToken: "aaJ/5y+w=="), #"{"C":"s-0,20","G":"aaJ/5y+w==","M":[]}"#),
        (Frame(cursor: 1, messages: [ByteBuffer(string: "{}")]), #"{"C":"s-0,1","M":[{}]}"#),
        (
            Frame(
                cursor: 0x1F,
                messages: [
                    ByteBuffer(
                        string: #"{"H":"chatHub","M":"broadcastMessage","A":["n","hello 日本 <&>"]}"#)
                ]),
            #"{"C":"s-0,1F","M":[{"H":"chatHub","M":"broadcastMessage","A":["n","hello 日本 <&>"]}]}"#
        ),
        (
            Frame(
                cursor: .max, initialized: true, reconnect: true, groupsToken: "token",
                messages: [ByteBuffer(string: "1"), ByteBuffer(string: "[2,3]"), ByteBuffer(string: #""4""#)]),
            #"{"C":"s-0,FFFFFFFFFFFFFFFF","S":1,"T":1,"G":"token","M":[1,[2,3],"4"]}"#
        ),
    ]

    @Test("has the format of a real node, with the fields in this order", arguments: frames)
    func encoded(frame: Frame, text: String) {
        #expect(String(buffer: frame.encoded().content) == text)
    }

    @Test("its messages can be encoded repeatedly")
    func messagesStay() {
        let frame = Frame(cursor: 1, messages: [ByteBuffer(string: "{}")])
        #expect(frame.encoded().content == frame.encoded().content)
        #expect(frame.messages == [ByteBuffer(string: "{}")])
    }
}

@Suite("EncodedFrame")
struct EncodedFrameTests {
    /// Verified with NIO's decoder; lengths near those at which the header grows.
    @Test(
        "is JSON, and the same JSON in one webSocket frame",
        arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
    func decodes(length: Int) throws {
        let text = String(repeating: "x", count: length)
        // The buffer grows during encoding.
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

@Suite("Cursor")
struct CursorTests {
    @Test(
        "has the format of real nodes",
        arguments: [(0, "s-0,0"), (30, "s-0,1E"), (0xFFFF_FFFF, "s-0,FFFFFFFF"), (UInt64.max, "s-0,FFFFFFFFFFFFFFFF")])
    func text(id: UInt64, text: String) {
        #expect(Cursor.text(id) == text)
        #expect(Cursor.parse(text) == id)
    }

    @Test(
        "anything else is rejected",
        arguments: ["", "garbage", "d-A,1|B,2", "s-0,", "s-0,G", "s-0,-1", "s-0,+1", "s-1,1", "s-0,1FFFFFFFFFFFFFFFF"])
    func noCursor(text: String) {
        #expect(Cursor.parse(text) == nil)
    }
}
