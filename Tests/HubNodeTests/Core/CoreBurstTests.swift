import Backplane
import NIOCore
import Testing

@testable import HubNode

/// Which messages from the backplane go to clients together, and the frames that clients get.
@Suite struct CoreBurstTests {
    private static func invocation(
        _ text: String, excluded: [String] = [], protocols: [String] = ["json", "messagepack"]
    ) -> CoreInvocation {
        CoreInvocation(
            excluded: excluded,
            frames: protocols.map { .init(protocolName: $0, bytes: Array("\($0) \(text);".utf8)) })
    }

    private func takes(
        _ second: CoreInvocation, on channel: String = "Hub:all", after first: CoreInvocation = invocation("1")
    ) -> Bool {
        var burst = Array("Hub:all".utf8).withUnsafeBytes {
            CoreBurst(first, on: $0, to: .all(except: first.excluded))
        }
        let isTaken = Array(channel.utf8).withUnsafeBytes { burst.add(second, on: $0) }
        #expect(burst.messages.count == (isTaken ? 2 : 1))
        return isTaken
    }

    @Test("messages with the same channel, exclusions and protocols go together")
    func together() {
        #expect(takes(Self.invocation("2")))
        #expect(takes(Self.invocation("2", excluded: ["a"]), after: Self.invocation("1", excluded: ["a"])))
        #expect(!takes(Self.invocation("2"), on: "Hub:group:g"))
        #expect(!takes(Self.invocation("2", excluded: ["a"])))
        #expect(!takes(Self.invocation("2"), after: Self.invocation("1", excluded: ["a"])))
        for protocols in [["json"], [], ["messagepack", "json"], ["json", "messagepack", "other"]] {
            #expect(!takes(Self.invocation("2", protocols: protocols)), "\(protocols)")
        }
    }

    @Test("a frame is limited; one larger message has a frame of its own")
    func limit() {
        let half = String(repeating: "x", count: CoreBurst.maximumBytes / 2 - 100)
        #expect(takes(Self.invocation(half), after: Self.invocation(half)))
        #expect(!takes(Self.invocation(half), after: Self.invocation(half + half)))
        #expect(!takes(Self.invocation(half + half + half)))
    }

    @Test(
        "a line end within a message begins another line of the event",
        arguments: [
            ("", "data: \r\n\r\n"), ("a", "data: a\r\n\r\n"), ("a\nb", "data: a\r\ndata: b\r\n\r\n"),
            ("a\r\nb\n", "data: a\r\ndata: b\r\ndata: \r\n\r\n"), ("\n", "data: \r\ndata: \r\n\r\n"),
        ])
    func events(content: String, expected: String) {
        #expect(String(buffer: CoreEventStream.event(ByteBuffer(string: content))) == expected)
    }

    @Test("the messages follow each other in one frame, in each protocol, also as the content of a webSocket frame")
    func frames() throws {
        let all = CoreFanOut([Self.invocation("1"), Self.invocation("2")].map(\.frames))
        #expect(all.count == 2)
        for (format, opcode) in [(CoreFormat.json, UInt8(0x81)), (.messagePack, 0x82)] {
            let form = try #require(all.form(format))
            let text = "\(format.name) 1;\(format.name) 2;"
            #expect(String(buffer: form.content) == text)
            #expect(form.frame.webSocket == ByteBuffer(bytes: [opcode, UInt8(text.utf8.count)] + Array(text.utf8)))
        }
        #expect(
            String(buffer: CoreEventStream.event(ByteBuffer(string: "{}\u{1E}{}\u{1E}")))
                == "data: {}\u{1E}{}\u{1E}\r\n\r\n")
        let one = CoreFanOut([Self.invocation("1", protocols: ["json"]).frames])
        #expect(one.form(.json) != nil && one.form(.messagePack) == nil)
    }
}
