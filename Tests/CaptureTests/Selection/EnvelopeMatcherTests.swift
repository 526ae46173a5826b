import Backplane
import Testing

@testable import Capture

/// Each filter, and combinations of filters, on one payload at a time.
@Suite struct EnvelopeMatcherTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var selection: CaptureSelection
        /// Names of ``payloads``, in order.
        var selects: [String]

        var testDescription: String { name }
    }

    private static func message(
        _ key: String, source: String = "c1", value: String = "{}", commandID: String = "", isAck: Bool = false
    ) -> Message {
        Message(source: source, key: key, value: Array(value.utf8), commandID: commandID, isAck: isAck)
    }

    private static func call(_ hub: String, _ method: String, _ argument: String = "1") -> String {
        #"{"H":"\#(hub)","M":"\#(method)","A":[\#(argument)]}"#
    }

    private static func envelope(_ id: UInt64, _ messages: Message...) -> [UInt8] {
        Envelope(id: id, body: ScaleoutMessage(messages: messages, createdTicks: 0)).encoded()
    }

    static let payloads: [(name: String, bytes: [UInt8])] = [
        ("broadcast", envelope(1, message("h-chatHub", value: call("chatHub", "send", #""hello""#)))),
        ("group", envelope(2, message("hg-chatHub.ops", source: "c2", value: call("chatHub", "alarm", #""Über""#)))),
        ("game", envelope(3, message("h-gameHub", value: call("gameHub", "send", #""a\"b""#)))),
        ("user", envelope(4, message("hu-gameHub.ann", source: "c2", value: call("gameHub", "move")))),
        ("command", envelope(5, message("c-77", commandID: "x"))),
        ("ack", envelope(6, message("__SIGNALR__SERVER__", value: "", isAck: true))),
        (
            "two",
            envelope(
                7, message("hg-chatHub.Dev", source: "c3", value: call("chatHub", "send")),
                message("h-gameHub", value: call("gameHub", "alarm")))
        ),
        ("direct", envelope(8, message("c-78", value: call(#"ch\u0061tHub"#, #"s\u0065nd"#)))),
        ("empty", envelope(9)),
        ("torn", Array(envelope(10, message("h-chatHub", value: call("chatHub", "send"))).dropLast())),
        ("foreign", Array("hello".utf8)),
    ]

    static let cases: [Case] = [
        Case(name: "all", selection: .all, selects: payloads.map(\.name)),
        Case(
            name: "ids from", selection: CaptureSelection(fromID: 7), selects: ["two", "direct", "empty", "torn"]),
        Case(name: "ids until, inclusive", selection: CaptureSelection(untilID: 2), selects: ["broadcast", "group"]),
        Case(name: "one id", selection: CaptureSelection(fromID: 3, untilID: 3), selects: ["game"]),
        Case(name: "no id", selection: CaptureSelection(fromID: 4, untilID: 3), selects: []),
        Case(
            name: "hub, of the signal or the call", selection: CaptureSelection(hubs: ["CHATHUB"]),
            selects: ["broadcast", "group", "two", "direct"]),
        Case(name: "a part of a hub's name is none", selection: CaptureSelection(hubs: ["chat"]), selects: []),
        Case(
            name: "one of two hubs", selection: CaptureSelection(hubs: ["chatHub", "gamehub"]),
            selects: ["broadcast", "group", "game", "user", "two", "direct"]),
        Case(
            name: "method, escapes decoded", selection: CaptureSelection(methods: ["Send"]),
            selects: ["broadcast", "game", "two", "direct"]),
        Case(
            name: "hub and method of one message", selection: CaptureSelection(hubs: ["gameHub"], methods: ["alarm"]),
            selects: ["two"]),
        Case(
            name: "not of two messages", selection: CaptureSelection(hubs: ["chatHub"], methods: ["alarm"]),
            selects: ["group"]),
        Case(
            name: "signal", selection: CaptureSelection(signals: ["hg-*.ops", "c-7?"]),
            selects: ["group", "command", "direct"]),
        Case(name: "signal without case", selection: CaptureSelection(signals: ["HG-chathub.DEV"]), selects: ["two"]),
        Case(name: "kind", selection: CaptureSelection(kinds: [.group, .user]), selects: ["group", "user", "two"]),
        Case(
            name: "commands, acks", selection: CaptureSelection(kinds: [.command, .ack]), selects: ["command", "ack"]),
        Case(name: "source", selection: CaptureSelection(sources: ["c2", "c3"]), selects: ["group", "user", "two"]),
        Case(name: "source as it is", selection: CaptureSelection(sources: ["C2"]), selects: []),
        Case(name: "text", selection: CaptureSelection(texts: ["ell"]), selects: ["broadcast"]),
        Case(name: "text as it is", selection: CaptureSelection(texts: ["HELLO"]), selects: []),
        Case(name: "text that JSON escapes", selection: CaptureSelection(texts: [#"a"b"#]), selects: ["game"]),
        Case(name: "text beyond ASCII", selection: CaptureSelection(texts: ["Über", "none"]), selects: ["group"]),
        Case(
            name: "the whole of the signals", selection: CaptureSelection(samplePercent: 100),
            selects: ["broadcast", "group", "game", "user", "command", "ack", "two", "direct"]),
        Case(name: "none of the signals", selection: CaptureSelection(samplePercent: 0), selects: []),
        Case(
            name: "all together",
            selection: CaptureSelection(
                fromID: 2, untilID: 8, hubs: ["chatHub"], methods: ["alarm", "send"], signals: ["hg-*"],
                kinds: [.group], sources: ["c2", "c9"], texts: ["Über"], samplePercent: 100),
            selects: ["group"]),
        Case(
            name: "all together but one",
            selection: CaptureSelection(
                fromID: 2, untilID: 8, hubs: ["chatHub"], methods: ["alarm", "send"], signals: ["hg-*"],
                kinds: [.hub], sources: ["c2", "c9"], texts: ["Über"]),
            selects: []),
    ]

    @Test(arguments: cases) func aFilterSelects(_ one: Case) {
        let matcher = EnvelopeMatcher(one.selection)
        let selected = Self.payloads.filter { payload in
            payload.bytes.withUnsafeBytes { matcher.selects(channel: "chat", receivedAt: 5, payload: $0) }
        }
        #expect(selected.map(\.name) == one.selects)
    }

    @Test(arguments: [
        (CaptureSelection(from: 5), true), (CaptureSelection(from: 6), false), (CaptureSelection(until: 5), false),
        (CaptureSelection(until: 6), true), (CaptureSelection(channels: ["chat", "x"]), true),
        (CaptureSelection(channels: ["x"]), false), (CaptureSelection(from: 5, until: 6, channels: ["chat"]), true),
        (CaptureSelection(from: 5, until: 6, channels: ["chat"], kinds: [.ack]), false),
    ])
    func timeAndChannel(_ selection: CaptureSelection, _ isSelected: Bool) {
        let matcher = EnvelopeMatcher(selection)
        let selects = Self.payloads[0].bytes.withUnsafeBytes {
            matcher.selects(channel: "chat", receivedAt: 5, payload: $0)
        }
        #expect(selects == isSelected)
    }

    // MARK: - Parts

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("*", "abc", true), ("**", "a", true), ("?", "", false),
        ("?", "a", true), ("?", "ab", false), ("?", "é", true), ("??", "é", false), ("a?c", "a\u{1F600}c", true),
        ("a*c", "abcbc", true), ("a*c", "abcbd", false), ("*b*", "abc", true), ("*bc", "abcabc", true),
        ("a*?c", "ac", false), ("a*?c", "aéc", true), ("h-Chat", "H-cHAT", true), ("h-\u{C9}", "h-\u{E9}", true),
        ("h-\u{E9}", "h-e\u{301}", false),
        ("hg-*.ops", "hg-chatHub.ops", true), ("hg-*.ops", "hg-chatHub.ops2", false), ("*a*a*a*b", "aaaaaaaaaa", false),
        ("?*", "é", true), ("[a]", "a", false), (#"\*"#, "*", false),
    ])
    func globs(_ pattern: String, _ text: String, _ matches: Bool) {
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { Glob(pattern).matches($0) } == matches)
    }

    @Test(arguments: [
        ("", "", true), ("", "a", true), ("a", "", false), ("a", "ba", true), ("aab", "aaab", true),
        ("abc", "ab", false), ("ab", "aab", true), ("\n", #"{"A":"x\ny"}"#, true), (#"\"#, #"x\\y"#, true),
        ("<", #"{"A":"<"}"#, true), ("e\u{301}", "é", false),
    ])
    func texts(_ text: String, _ value: String, _ isFound: Bool) {
        let bytes = Array(value.utf8)
        #expect(bytes.withUnsafeBytes { TextSearch(text).isFound(in: $0) } == isFound)
    }

    // MARK: - Samples

    @Test(arguments: [1.0, 10, 50, 99], ["hg-chatHub.group", "", "hu-x."])
    func aSampleIsAboutAsLargeAsItSays(_ percent: Double, _ prefix: String) {
        let sample = SignalSample(percent: percent)
        let taken = (0..<20_000).count { index in
            Array("\(prefix)\(index)".utf8).withUnsafeBytes { sample.includes($0) }
        }
        // Three standard deviations of 20,000 random choices are at most 1.1 %; the hash is fixed, so this cannot fail
        // by chance.
        #expect(abs(Double(taken) / 200 - percent) < 1.1)
    }

    /// The hash must not change: samples taken from different captures, by different versions, contain the same
    /// signals.
    @Test(arguments: [
        ("", 0xefd0_1f60_ba99_2926 as UInt64), ("hg-chatHub.ops", 0xd4a3_7997_d9f0_155c),
        ("HG-CHATHUB.OPS", 0xd4a3_7997_d9f0_155c),
    ])
    func theHashStays(_ signal: String, _ hash: UInt64) {
        #expect(Array(signal.utf8).withUnsafeBytes { SignalSample.hash($0) } == hash)
    }

    @Test func aLargerSampleContainsTheSmallerOne() {
        let (small, large) = (SignalSample(percent: 10), SignalSample(percent: 30))
        for index in 0..<2_000 {
            Array("h-hub\(index)".utf8).withUnsafeBytes { signal in
                #expect(!small.includes(signal) || large.includes(signal))
            }
        }
    }
}
