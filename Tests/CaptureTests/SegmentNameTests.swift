import Testing
import Time

@testable import Capture

@Suite struct SegmentNameTests {
    static let names: [([String], String)] = [
        (["chat"], "chat-20261122T214100.000Z.mcap"),
        (["chat", "game", "log"], "chat+2-20261122T214100.000Z.mcap"),
        ([], "capture-20261122T214100.000Z.mcap"),
    ]

    @Test(arguments: names) func nameOfASegment(channels: [String], name: String) {
        #expect(SegmentName.make(channels: channels, start: Moment.start.realtime) == name)
    }

    static let channels: [(String, String)] = [
        ("chat", "chat"), ("My.App-1_x", "My.App-1_x"), ("", "_"), (".hidden", "_hidden"), ("..", "_."),
        ("../../etc/passwd", "_._.._etc_passwd"), ("a/b:c d", "a_b_c_d"), ("zürich", "z_rich"), ("日本", "__"),
        ("nul\0l", "nul_l"), (String(repeating: "x", count: 300), String(repeating: "x", count: 100)),
    ]

    @Test(arguments: channels) func aChannelMadeSafe(channel: String, name: String) {
        #expect(SegmentName.safe(channel) == name)
    }
}
