import NIOCore
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

    @Test("is written as a real node writes it, its fields in this order", arguments: frames)
    func encoded(frame: Frame, text: String) {
        #expect(String(buffer: frame.encoded().content) == text)
    }

    @Test("its messages can be written again")
    func messagesStay() {
        let frame = Frame(cursor: 1, messages: [ByteBuffer(string: "{}")])
        #expect(frame.encoded().content == frame.encoded().content)
        #expect(frame.messages == [ByteBuffer(string: "{}")])
    }
}
