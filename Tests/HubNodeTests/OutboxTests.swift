import Backplane
import NIOCore
import TestSupport
import Testing

@testable import HubNode

@Suite("Outbox")
struct OutboxTests {
    private func outbox(cursor: UInt64 = 0, _ items: [(id: UInt64, value: String?)]) -> Outbox {
        var outbox = Outbox(cursor: cursor)
        for item in items { outbox.append(id: item.id, value: item.value.map { ByteBuffer(string: $0) }) }
        return outbox
    }

    /// All pending messages, frame by frame, as text.
    private func frames(_ outbox: inout Outbox, limit: Int = 10) -> [String] {
        var frames: [String] = []
        while !outbox.isIdle, frames.count < 100 {
            frames.append(String(buffer: outbox.nextFrame(messages: limit) { "token" }.encoded().content))
        }
        return frames
    }

    @Test("a new outbox has nothing to send, and the given cursor")
    func empty() {
        var outbox = Outbox(cursor: 30)
        #expect(outbox.isIdle)
        #expect(outbox.count == 0)
        #expect(outbox.byteCount == 0)
        let frame = outbox.nextFrame(messages: 10) { "token" }.encoded()
        #expect(String(buffer: frame.content) == #"{"C":"s-0,1E","M":[]}"#)
    }

    @Test("messages are sent in order, several per frame, with the id of the last one")
    func order() {
        var outbox = outbox((1...7).map { ($0, "\($0)") })
        #expect(outbox.count == 7)
        #expect(
            frames(&outbox, limit: 3) == [
                #"{"C":"s-0,3","M":[1,2,3]}"#, #"{"C":"s-0,6","M":[4,5,6]}"#, #"{"C":"s-0,7","M":[7]}"#,
            ])
        #expect(outbox.cursor == 7)
        #expect(outbox.count == 0)
    }

    @Test(
        "a frame is limited in bytes, too; a larger message has a frame of its own",
        arguments: [
            ([4, 4, 4], 10, [2, 1]), ([4, 4, 4], 12, [3]), ([20, 1, 1], 10, [1, 2]), ([1, 20, 1], 10, [1, 1, 1]),
            ([5, 5, 5], 0, [1, 1, 1]),
        ] as [([Int], Int, [Int])])
    func bytes(sizes: [Int], limit: Int, frames expected: [Int]) {
        var outbox = outbox(
            sizes.enumerated().map { (UInt64($0.offset + 1), String(repeating: "x", count: $0.element)) })
        var counts: [Int] = []
        while !outbox.isIdle, counts.count < 100 {
            counts.append(outbox.nextFrame(messages: .max, bytes: limit) { "token" }.messages.count)
        }
        #expect(counts == expected && outbox.byteCount == 0)
    }

    @Test("clients of SignalR 2 get as many messages in a frame as from a real node, those of ASP.NET Core more")
    func limits() {
        let transports = TransportKind.allCases
        #expect(transports.map { SignalR2Codec().limit($0).messages } == [10, 10, 10, 5_000])
        let core = CoreCodec(messages: .json)
        #expect(core.limit(.webSockets) == FrameLimit(messages: .max, bytes: 32 * 1024))
        #expect(core.limit(.serverSentEvents) == core.limit(.webSockets))
        #expect(core.limit(.longPolling) == FrameLimit(messages: 5_000))
    }

    private static let divisions: [(envelopes: [Int], limit: Int, frames: [Int])] = [
        ([1, 1, 1], 10, [3]), ([1, 1, 1], 2, [2, 1]), ([1, 1, 1], 1, [1, 1, 1]),
        ([3, 3], 3, [3, 3]), ([3, 4], 5, [7]), ([5, 1], 5, [5, 1]), ([12], 10, [12]), ([9, 2, 1], 10, [11, 1]),
        ([2, 2, 2], 1, [2, 2, 2]),
    ]

    @Test("an envelope is never split between two frames", arguments: divisions)
    func division(envelopes: [Int], limit: Int, frames expected: [Int]) {
        var items: [(id: UInt64, value: String?)] = []
        for (index, count) in envelopes.enumerated() {
            items += (0..<count).map { (UInt64(index + 1), "\($0)") }
        }
        var outbox = outbox(items)
        var counts: [Int] = []
        while !outbox.isIdle, counts.count < 100 {
            counts.append(outbox.nextFrame(messages: limit) { "token" }.messages.count)
        }
        #expect(counts == expected)
        #expect(outbox.cursor == UInt64(envelopes.count))
    }

    @Test("a message that excludes the client only advances its cursor")
    func excluded() {
        var outbox = outbox([(1, nil), (2, nil)])
        #expect(!outbox.isIdle)
        #expect(outbox.byteCount == 0)
        #expect(frames(&outbox) == [#"{"C":"s-0,2","M":[]}"#])
    }

    @Test("a message that excludes the client does not count towards a frame")
    func excludedAmongOthers() {
        var outbox = outbox([(1, nil), (2, "2"), (3, nil), (4, "4"), (5, "5")])
        #expect(frames(&outbox, limit: 2) == [#"{"C":"s-0,4","M":[2,4]}"#, #"{"C":"s-0,5","M":[5]}"#])
    }

    @Test("a full frame includes subsequent messages that exclude the client")
    func excludedBehindFullFrame() {
        var outbox = outbox([(1, "1"), (2, nil), (3, nil)])
        #expect(frames(&outbox, limit: 1) == [#"{"C":"s-0,3","M":[1]}"#])
    }

    @Test("everything is sent once, in order, without splitting an envelope")
    func anyItems() {
        var random = SplitMix64.announced()
        for _ in 0..<2_000 {
            var items: [(id: UInt64, value: String?)] = []
            var id: UInt64 = 1
            for number in 0..<Int.random(in: 1...20, using: &random) {
                if Bool.random(using: &random) { id += 1 }
                items.append((id, Int.random(in: 0..<4, using: &random) == 0 ? nil : "\(number)"))
            }
            var outbox = outbox(items)
            let limit = Int.random(in: 1...5, using: &random)
            var before: UInt64 = 0
            while !outbox.isIdle {
                let frame = outbox.nextFrame(messages: limit) { "token" }
                // The frames up to here contain exactly what the cursor reports as received.
                let expected = items.filter { $0.id > before && $0.id <= frame.cursor }.compactMap(\.value)
                #expect(frame.messages.map { String(buffer: $0) } == expected)
                guard frame.cursor > before else { break }
                before = frame.cursor
            }
            #expect(before == id)
        }
    }

    @Test("bytes are counted when added and when sent")
    func byteCount() {
        var outbox = outbox([(1, "12345"), (2, nil), (3, "678")])
        #expect(outbox.byteCount == 8)
        _ = outbox.nextFrame(messages: 1) { "token" }
        #expect(outbox.byteCount == 3)
        _ = outbox.nextFrame(messages: 1) { "token" }
        #expect(outbox.byteCount == 0)
    }

    private static let flags: [(name: String, set: @Sendable (inout Outbox) -> Void, frame: String)] = [
        ("initialized", { $0.initialized = true }, #"{"C":"s-0,7","S":1,"M":[]}"#),
        ("reconnect", { $0.reconnect = true }, #"{"C":"s-0,7","T":1,"M":[]}"#),
        ("groups", { $0.groupsChanged = true }, #"{"C":"s-0,7","G":"token","M":[]}"#),
    ]

    @Test("a flag alone causes a frame, and is sent once", arguments: flags)
    func flag(name: String, set: @Sendable (inout Outbox) -> Void, frame: String) {
        var outbox = Outbox(cursor: 7)
        set(&outbox)
        #expect(!outbox.isIdle)
        #expect(frames(&outbox) == [frame])
        outbox.append(id: 8, value: ByteBuffer(string: "8"))
        #expect(frames(&outbox) == [#"{"C":"s-0,8","M":[8]}"#])
    }

    @Test("flags are sent with the first of several frames")
    func flagsComeFirst() {
        var outbox = outbox([(1, "1"), (2, "2")])
        outbox.initialized = true
        outbox.groupsChanged = true
        #expect(
            frames(&outbox, limit: 1) == [#"{"C":"s-0,1","S":1,"G":"token","M":[1]}"#, #"{"C":"s-0,2","M":[2]}"#])
    }

    @Test("the groups token is created only when it is sent")
    func groupsToken() {
        var outbox = Outbox(cursor: 1)
        var made = 0
        let make = {
            made += 1
            return "token"
        }
        _ = outbox.nextFrame(messages: 10, groupsToken: make)
        #expect(made == 0)
        outbox.groupsChanged = true
        _ = outbox.nextFrame(messages: 10, groupsToken: make)
        _ = outbox.nextFrame(messages: 10, groupsToken: make)
        #expect(made == 1)
    }

    @Test("a direct send advances the cursor")
    func sentDirectly() {
        var outbox = Outbox(cursor: 1)
        outbox.sentDirectly(id: 9)
        #expect(outbox.cursor == 9)
        #expect(outbox.isIdle)
    }

    @Test("after a rewind lost messages precede pending ones")
    func rewind() {
        var outbox = outbox(cursor: 10, [(11, "11"), (12, nil), (13, "13")])
        outbox.rewind(to: 8, missed: self.outbox(cursor: 8, [(9, "9"), (10, nil)]))
        #expect(outbox.cursor == 8)
        #expect(outbox.count == 5)
        #expect(outbox.byteCount == 5)
        #expect(
            frames(&outbox, limit: 2) == [#"{"C":"s-0,C","M":[9,11]}"#, #"{"C":"s-0,D","M":[13]}"#])
        #expect(outbox.byteCount == 0)
    }

    private static let rewinds: [(id: UInt64, frames: [String])] = [
        (10, [#"{"C":"s-0,D","M":[11,12,13]}"#]),
        (11, [#"{"C":"s-0,D","M":[12,13]}"#]),
        (12, [#"{"C":"s-0,D","M":[13]}"#]),
        (13, []), (14, []),
    ]

    @Test("messages that the client has are not sent again", arguments: rewinds)
    func rewindForward(id: UInt64, frames expected: [String]) {
        var outbox = outbox(cursor: 10, [(11, "11"), (12, "12"), (13, "13")])
        outbox.rewind(to: id, missed: Outbox(cursor: id))
        #expect(outbox.cursor == id)
        #expect(frames(&outbox) == expected)
        #expect(outbox.byteCount == 0)
    }

    @Test("pending and lost flags are sent", arguments: [true, false], [true, false])
    func rewindFlags(wasLost: Bool, isPending: Bool) {
        for (_, set, _) in Self.flags.filter({ $0.name != "reconnect" }) {
            var missed = Outbox(cursor: 1)
            var outbox = Outbox(cursor: 1)
            if wasLost { set(&missed) }
            if isPending { set(&outbox) }
            outbox.rewind(to: 1, missed: missed)
            #expect(outbox.isIdle == !(wasLost || isPending))
        }
    }

    @Test("the request to reconnect is kept")
    func rewindReconnect() {
        var outbox = Outbox(cursor: 1)
        outbox.reconnect = true
        outbox.rewind(to: 1, missed: Outbox(cursor: 1))
        #expect(outbox.reconnect)
    }
}
