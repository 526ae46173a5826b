import Backplane
import Testing

@testable import Preflight

@Suite struct NearNameTests {
    static let cases: [(String, [String], String?)] = [
        ("chta", ["chat", "orders"], "chat"),
        ("Chat", ["chat", "chats"], "chat"),
        ("chat", ["CHAT"], "CHAT"),
        ("chat", ["chat"], nil),
        ("chat", [], nil),
        ("zo\u{E9}", ["zo\u{E9}", "zoe\u{301}"], "zoe\u{301}"),
        ("chat", ["orders", "billing"], nil),
        ("chat", ["prodchat"], "prodchat"),
        ("chat", ["prod:chat", "test:chat"], nil),
        ("chat", ["chat-v2"], "chat-v2"),
        ("ab", ["prodab", "xy"], nil),
        ("a", ["b", "c"], "b"),
        ("caht", ["cat", "chat"], "cat"),
        (
            String(repeating: "x", count: 5_000), [String(repeating: "x", count: 5_001)],
            String(repeating: "x", count: 5_001)
        ),
    ]

    @Test(arguments: cases) func nearest(typed: String, names: [String], expected: String?) {
        #expect(NearName.nearest(to: typed, among: names) == expected)
    }

    @Test func otherNamesAreNotSuggested() {
        #expect(ChannelHint.meant(by: "chat", among: ["__chat", "chat__Booksleeve_MasterChanged"]) == nil)
        #expect(ChannelHint.meant(by: "chat", among: ["cha\u{1B}", "chat\n"]) == nil)
        #expect(ChannelHint.meant(by: "chta", among: ["chat"], besides: ["chta", "chat"]) == nil)
        // The typed name is watched; the same word in another Unicode form is not.
        let meant = ChannelHint.meant(by: "cafe\u{301}", among: ["caf\u{E9}"], besides: ["cafe\u{301}"])
        #expect(meant?.isSameOrdinally(as: "caf\u{E9}") == true)
    }
}
