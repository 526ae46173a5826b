import Backplane
import NIOCore
import Synchronization
import Testing

@testable import HubNode

/// Requests of hubs to a publisher, and the messages of SignalR 2's.
@Suite("Publisher")
struct PublisherTests {
    /// A publisher of neither generation.
    private final class RecordingPublisher: Publisher {
        private let record = Mutex<[String]>([])

        var said: [String] { record.withLock { $0 } }

        func invoke(_ invocation: ClientCall) async throws {
            let arguments = invocation.arguments.map { String(decoding: $0.json, as: UTF8.self) }.joined(separator: ",")
            note(
                "\(invocation.hub).\(invocation.method)(\(arguments)) \(invocation.audience) by \(invocation.callerID)")
        }

        func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws {
            note("progress \(String(decoding: value, as: UTF8.self)) of \(requestID ?? "-") to \(connectionID)")
        }

        func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws {
            note("\(change) \(connectionID) \(hub).\(group)")
        }

        func abort(connectionID: String) async throws { note("abort \(connectionID)") }

        func ask(_ invocation: ClientCall) async throws -> HubArgument {
            try await invoke(invocation)
            return HubArgument(json: Array("5".utf8))
        }

        private func note(_ text: String) { record.withLock { $0.append(text) } }
    }

    typealias Wish = @Sendable (HubCall) async throws -> Void

    private static let wishes: [(wish: Wish, said: String)] = [
        ({ try await $0.clients.all.invoke("m", 1, "x") }, #"chat.m(1,"x") all(except: []) by c1"#),
        ({ try await $0.clients.others.invoke("m") }, #"chat.m() all(except: ["c1"]) by c1"#),
        ({ try await $0.clients.allExcept(["c2", "c3"]).invoke("m") }, #"chat.m() all(except: ["c2", "c3"]) by c1"#),
        ({ try await $0.clients.caller.invoke("m") }, #"chat.m() client("c1") by c1"#),
        ({ try await $0.clients.client("c2").invoke("m") }, #"chat.m() client("c2") by c1"#),
        ({ try await $0.clients.group("g").invoke("m") }, #"chat.m() group("g", except: []) by c1"#),
        ({ try await $0.clients.othersInGroup("g").invoke("m") }, #"chat.m() group("g", except: ["c1"]) by c1"#),
        ({ try await $0.clients.user("u").invoke("m") }, #"chat.m() user("u") by c1"#),
        ({ try await $0.groups.add("c2", to: "g") }, "add c2 chat.g"),
        ({ try await $0.groups.remove("c2", from: "g") }, "remove c2 chat.g"),
        ({ try await $0.reportProgress(50) }, "progress 50 of 7 to c1"),
        ({ try await $0.abort() }, "abort c1"),
        (
            {
                let answer = try await $0.clients.single("c2").ask("m", 1, as: Int.self)
                #expect(answer == 5)
            },
            #"chat.m(1) client("c2") by c1"#
        ),
    ]

    @Test("hubs work with any publisher", arguments: wishes.indices)
    func hubs(index: Int) async throws {
        let publisher = RecordingPublisher()
        let call = HubCall(connectionID: "c1", user: "", hub: "chat", requestID: "7", publisher: publisher)
        try await Self.wishes[index].wish(call)
        #expect(publisher.said == [Self.wishes[index].said])
    }

    static let messages: [(audience: Audience, key: String, filter: String)] = [
        (.all(except: []), "h-chat", ""), (.all(except: ["a", "b"]), "h-chat", "c-a|c-b"),
        (.client("a"), "hc-chat.a", ""), (.group("g.h", except: []), "hg-chat.g.h", ""),
        (.group("g", except: ["a"]), "hg-chat.g", "c-a"), (.user("u"), "hu-chat.u", ""),
    ]

    @Test("SignalR 2's message for an audience", arguments: messages)
    func message(audience: Audience, key: String, filter: String) {
        let message = Message(
            ClientCall(
                hub: "chat", method: "tell",
                arguments: [HubArgument(json: Array("1".utf8)), HubArgument(json: Array(#""x""#.utf8))],
                audience: audience,
                callerID: "c1"))
        #expect(message.key == key)
        #expect(message.filter == filter)
        #expect(message.source == "c1" && message.commandID.isEmpty && !message.isAck)
        #expect(text(message.value) == #"{"H":"chat","M":"tell","A":[1,"x"]}"#)
    }

    @Test(
        "SignalR 2's report of progress",
        arguments: [
            ("7", #"{"I":"P|7","P":{"I":"7","D":50}}"#), (nil, #"{"I":"P|","P":{"I":null,"D":50}}"#),
        ] as [(String?, String)])
    func progress(id: String?, expected: String) {
        #expect(text(HubResponse.progress(Array("50".utf8), id: id)) == expected)
    }

    // MARK: - Clients of two protocols on one node

    private struct Codec: ClientCodec {
        let format: String

        func limit(_ transport: TransportKind) -> FrameLimit { FrameLimit(messages: 1) }

        func encoded(_ frame: Frame) -> EncodedFrame {
            EncodedFrame(capacity: 16) { $0.writeString("\(format):\(frame.cursor)") }
        }
    }

    @Test("a message is encoded once per format")
    func sharedFrame() {
        var shared = SharedFrame(cursor: 5, message: ByteBuffer(string: "{}"))
        let frames = ["a", "a", "b", "a"].map { shared.encoded(by: Codec(format: $0)) }
        #expect(frames.map { String(buffer: $0.content) } == ["a:5", "a:5", "b:5", "a:5"])
    }
}

@Suite("GUID")
struct GUIDTests {
    @Test("has .NET's format, version 4, variant 1")
    func format() throws {
        for _ in 0..<1_000 {
            let guid = GUID.random()
            let match = try #require(
                guid.wholeMatch(
                    of: #/[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{12}/#),
                "\(guid)")
            #expect(match.1 == "4", "\(guid)")
            #expect("89ab".contains(match.2), "\(guid)")
        }
    }

    @Test("differs each time, in every digit but the version")
    func random() {
        let guids = (0..<1_000).map { _ in Array(GUID.random()) }
        #expect(Set(guids).count == 1_000)
        for place in 0..<36 where ![8, 13, 18, 23, 14].contains(place) {
            // The digit of the variant has four values, the others have 16.
            #expect(Set(guids.map { $0[place] }).count == (place == 19 ? 4 : 16), "digit \(place)")
        }
    }
}
