import Backplane
import Capture
import Foundation
import Testing
import Time

@testable import MessageLines

/// The lines of `cat` and `tail`, and local times. Serialized: the time zone is shared by the process.
@Suite(.serialized) struct MessageLineTests {
    /// The rules of New York and Berlin, without time zone files.
    private static let newYork = "EST5EDT,M3.2.0,M11.1.0"
    private static let berlin = "CET-1CEST,M3.5.0,M10.5.0/3"

    private static func inZone<Value>(_ zone: String, _ body: () throws -> Value) rethrows -> Value {
        let before = ProcessInfo.processInfo.environment["TZ"]
        setenv("TZ", zone, 1)
        tzset()
        defer {
            if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
            tzset()
        }
        return try body()
    }

    private static func time(_ text: String) -> UInt64 { UTCTime.parse(text) ?? 0 }

    private static func lines(_ style: LineStyle, _ messages: [(key: String, value: String)]) -> [String] {
        var lines = MessageLine(style)
        var bytes: [UInt8] = []
        for (index, message) in messages.enumerated() {
            let body = ScaleoutMessage(
                messages: [Message(source: "s", key: message.key, value: Array(message.value.utf8))], createdTicks: 0)
            let payload = Envelope(id: UInt64(index + 98), body: body).encoded()
            payload.withUnsafeBytes { payload in
                lines.append(
                    CapturedEnvelope(
                        channel: "chat", receivedAt: time("2026-11-29T06:00:12.123456789Z"), payload: payload),
                    to: &bytes)
            }
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func coreLines(_ style: LineStyle, _ hub: CoreHub, _ payloads: [(CoreKind, String, CorePayload)])
        -> [String]
    {
        var lines = MessageLine(style)
        var bytes: [UInt8] = []
        for (kind, name, payload) in payloads {
            let channel: [UInt8] = hub.channel(kind, Array(name.utf8))
            CoreRecord.bytes(channel: channel, payload: payload.encoded()).withUnsafeBytes { record in
                lines.append(
                    CapturedEnvelope(
                        channel: hub.topic, form: hub.form, receivedAt: time("2026-11-29T06:00:12.123456789Z"),
                        payload: record),
                    to: &bytes)
            }
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// A GUID would push everything after it out of its column, and off the terminal.
    @Test func theAckChannelOfANodeIsShortOnATerminalAndCompleteInAPipe() {
        let server = "web1_0123456789abcdef0123456789abcdef"
        let payloads: [(CoreKind, String, CorePayload)] = [(.ack, server, .ack(id: 7)), (.ack, "odd", .ack(id: 8))]
        let hub = CoreHub(type: "Chat.ChatHub")
        #expect(
            Self.coreLines(LineStyle(clock: .utc, width: 120), hub, payloads) == [
                "2026-11-29 06:00:12.123Z      -  internal:ack:web1_01234567…  ChatHub ack 7                 2 B",
                "2026-11-29 06:00:12.123Z      -  internal:ack:odd             ChatHub ack 8                 2 B",
            ])
        #expect(
            Self.coreLines(LineStyle(), hub, payloads) == [
                "2026-11-29T06:00:12.123456789Z      -  internal:ack:\(server)  ChatHub ack 7                 2 B",
                "2026-11-29T06:00:12.123456789Z      -  internal:ack:odd                                    ChatHub ack 8                 2 B",
            ])
    }

    @Test func thePingsOfARelayAreNotShownAsCommandsOfTheApplication() throws {
        let ping = CorePing()
        let command = try CorePayload(decoding: ping.command(id: 3, connection: "c1"), as: .groupCommand)
        let lines = Self.coreLines(
            LineStyle(), CoreHub(type: "Chat.ChatHub"),
            [(.groupCommand, "", command), (.ack, ping.server, .ack(id: 3))])
        #expect(lines.count == 2)
        #expect(lines[0].contains("  ChatHub ping 3 of a relay, to c1  "), "\(lines)")
        #expect(lines[1].contains("  ChatHub ack 3 to a relay's ping  "), "\(lines)")
    }

    private static func call(_ hub: String, _ method: String, _ arguments: String) -> String {
        #"{"H":"\#(hub)","M":"\#(method)","A":\#(arguments)}"#
    }

    @Test func columnsAlign() {
        let lines = Self.lines(
            LineStyle(),
            [
                ("h-chatHub", Self.call("chatHub", "hello", "[1,2]")),
                ("hg-chatHub.room", Self.call("chatHub", "groupMessage", #"["a"]"#)),
                ("h-日本", Self.call("日本", "hello", "[]")), ("h-chatHub", "no call"),
            ])
        #expect(
            lines == [
                "2026-11-29T06:00:12.123456789Z     98  h-chatHub         chatHub.hello(2)             37 B",
                "2026-11-29T06:00:12.123456789Z     99  hg-chatHub.room   chatHub.groupMessage(1)      44 B",
                "2026-11-29T06:00:12.123456789Z    100  h-日本            日本.hello(0)                33 B",
                "2026-11-29T06:00:12.123456789Z    101  h-chatHub         hub                           7 B",
            ])
    }

    @Test(arguments: [40, 60, 80, 100, 200]) func noLineIsWiderThanTheTerminal(_ width: Int) {
        let long = String(repeating: "日本 long ", count: 100)
        for values in [true, false] {
            let lines = Self.lines(
                LineStyle(clock: .utc, width: width, showsValues: values),
                [
                    ("hg-chatHub.\(long)", Self.call("chatHub", long, #"["\#(long)"]"#)),
                    ("c-0b6a8f0e-1c3f-4d2a-9d55-0f4f3a1f7a10", Self.call("chatHub", "m", "[1]")),
                    ("h-chatHub", "x\u{1B}"),
                ])
            for line in lines { #expect(DisplayWidth.of(line) <= width, "\(line)") }
            #expect(lines[0].contains("…"))
            #expect(lines[0].hasPrefix("2026-11-29 06:00:12.123Z"))
        }
    }

    @Test func valuesArePrintedOnTheLine() {
        let style = LineStyle(showsValues: true)
        let lines = Self.lines(
            style,
            [
                ("h-chatHub", Self.call("chatHub", "say", #"[ "ana",\#n"a\u001b[31m\\n", {"x":[1]} ]"#)),
                ("h-chatHub", "raw\u{1B}[31m\u{202E}text"),
            ])
        #expect(lines.count == 2)
        #expect(lines[0].hasSuffix(#" B  chatHub.say( "ana", "a\u001b[31m\\n", {"x":[1]} )"#), "\(lines[0])")
        #expect(lines[1].hasSuffix(" B  hub raw\u{FFFD}[31m\u{FFFD}text"), "\(lines[1])")
    }

    @Test(arguments: [
        ("abc", 3), ("日本", 4), ("e\u{301}", 1), ("👍", 2), ("é", 1), ("", 0), ("a\u{200B}b", 2), ("한국", 4),
    ])
    func widths(_ text: String, _ width: Int) {
        #expect(DisplayWidth.of(text) == width)
    }

    @Test(arguments: [
        ("hello", 5, "hello"), ("hello", 4, "hel…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("日本語", 6, "日本語"),
        ("x", 0, ""), ("日", 1, "…"),
    ])
    func cuts(_ text: String, _ columns: Int, _ cut: String) {
        #expect(DisplayWidth.cut(text, to: columns) == cut)
        #expect(DisplayWidth.of(cut) <= columns)
    }

    @Test(arguments: [
        (newYork, "2026-11-29T06:00:12.123Z", "2026-11-29 01:00:12.123"),
        (newYork, "2026-07-01T06:00:00Z", "2026-07-01 02:00:00.000"),
        (berlin, "2026-12-31T23:30:00Z", "2027-01-01 00:30:00.000"),
        ("UTC0", "2026-07-01T06:00:00Z", "2026-07-01 06:00:00.000"),
    ])
    func timesAreShownInLocalTime(_ zone: String, _ utc: String, _ local: String) {
        Self.inZone(zone) {
            let time = Self.time(utc)
            #expect(LocalTime.text(time, offset: LocalTime.offset(at: time)) == local)
        }
    }

    @Test(
        arguments: [
            (newYork, "2026-11-29", "2026-11-29T05:00:00Z"), (newYork, "2026-07-01 07:00", "2026-07-01T11:00:00Z"),
            (berlin, "2026-11-29 07:00:30.5", "2026-11-29T06:00:30.5Z"),
            (berlin, "2026-07-01T07:00", "2026-07-01T05:00:00Z"),
            // A repeated time means the first; a skipped time is later by the skipped amount.
            (newYork, "2026-11-01 01:30", "2026-11-01T05:30:00Z"),
            (newYork, "2026-03-08 02:30", "2026-03-08T07:30:00Z"),
            (berlin, "2026-10-25 02:30", "2026-10-25T00:30:00Z"), (berlin, "2026-03-29 02:30", "2026-03-29T01:30:00Z"),
            (berlin, "2026-02-29", nil), (berlin, "2026-13-01", nil), (berlin, "2026-11-29 25:00", nil),
            (berlin, "2026-11-29 07", nil), (berlin, "29.11.2026", nil), (berlin, "", nil),
        ] as [(String, String, String?)])
    func localTimesAreRead(_ zone: String, _ text: String, _ utc: String?) {
        Self.inZone(zone) {
            #expect(LocalTime.parse(text).map(UTCTime.rfc3339) == utc.map { UTCTime.rfc3339(Self.time($0)) })
        }
    }

    @Test(arguments: [
        (berlin, "07:00", "2026-11-29T12:00:00Z", "2026-11-29T06:00:00Z"),
        (berlin, "07:00", "2026-11-29T05:59:00Z", "2026-11-28T06:00:00Z"),
        (berlin, "7:00", "2026-11-29T06:00:00Z", "2026-11-29T06:00:00Z"),
        (newYork, "23:30", "2026-12-01T03:00:00Z", "2026-11-30T04:30:00Z"),
        // The night in which the clock is set back.
        (newYork, "12:00", "2026-11-01T18:00:00Z", "2026-11-01T17:00:00Z"),
        (newYork, "12:00", "2026-11-01T16:59:00Z", "2026-10-31T16:00:00Z"),
    ])
    func aTimeOfDayIsTheLastBeforeTheEnd(_ zone: String, _ text: String, _ end: String, _ utc: String) throws {
        let clock = try #require(LocalTime.clock(text))
        Self.inZone(zone) {
            #expect(
                UTCTime.rfc3339(LocalTime.last(clock: clock, upTo: Self.time(end))) == UTCTime.rfc3339(Self.time(utc)))
        }
    }

    @Test func aTimeOfDayAsTheEndIsTheFirstAfterTheStart() throws {
        let clock = try #require(LocalTime.clock("01:00"))
        Self.inZone(Self.berlin) {
            let start = Self.time("2026-11-28T22:00:00Z")
            #expect(LocalTime.first(clock: clock, after: start) == Self.time("2026-11-29T00:00:00Z"))
        }
    }

    @Test(arguments: ["7", "24:00", "07:60", "07:00Z", "-07:00", "007:00", "07:0", "a:00"])
    func whatIsNoTimeOfDay(_ text: String) {
        #expect(LocalTime.clock(text) == nil)
    }
}
