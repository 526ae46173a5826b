import Backplane
import Testing

@Suite struct CoreRecordTests {
    /// Every width of both lengths.
    @Test(arguments: [0, 1, 31, 32, 255, 256, 65_535, 65_536], [0, 1, 255, 256, 65_535, 65_536])
    func theHeaderIsMessagePack(channelCount: Int, payloadCount: Int) throws {
        let channel = [UInt8](repeating: UInt8(ascii: "c"), count: channelCount)
        let payload = [UInt8](repeating: 0xC1, count: payloadCount)
        let bytes = CoreRecord.bytes(channel: channel, payload: payload)
        var writer = MessagePackWriter()
        writer.array(2)
        writer.string(utf8: channel)
        writer.binary(payload)
        #expect(bytes == writer.bytes)
        try bytes.withUnsafeBytes { bytes in
            let record = try CoreRecord(bytes)
            #expect(record.channel.elementsEqual(channel) && record.payload.elementsEqual(payload))
        }
    }

    @Test func theClassOfATypeIsFound() {
        for (type, name) in [
            ("ChatHub", "ChatHub"), ("Chat.Hubs.ChatHub", "ChatHub"), ("Chat.Hubs.Outer+ChatHub", "ChatHub"),
            ("Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0]]", "RoomHub`1"), ("", ""),
        ] {
            Array(type.utf8).withUnsafeBytes {
                #expect(String(decoding: CoreEnvelopeView.className($0), as: UTF8.self) == name)
            }
        }
    }

    @Test func commandsAreFollowedFor30Seconds() {
        var tracker = CoreCommandTracker()
        let second: UInt64 = 1_000_000_000
        func bytes(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) { Array(text.utf8).withUnsafeBytes(body) }
        bytes("a") { tracker.command(server: $0, id: 1, at: 0) }
        bytes("b") { tracker.command(server: $0, id: 1, at: second) }
        bytes("a") { #expect(tracker.ack(server: $0, id: 1, at: 2 * second) == 2 * second) }
        bytes("a") { #expect(tracker.ack(server: $0, id: 1, at: 3 * second) == nil) }
        #expect(tracker.acksWithoutCommand == 1 && tracker.waiting == 1)
        tracker.advance(to: 31 * second)
        #expect(tracker.unanswered == 0)
        tracker.advance(to: 31 * second + 1)
        #expect(tracker.unanswered == 1 && tracker.waiting == 0)
        // Late, but still the ack of the command.
        bytes("b") { #expect(tracker.ack(server: $0, id: 1, at: 40 * second) == nil) }
        #expect(tracker.acksWithoutCommand == 1)
    }
}
