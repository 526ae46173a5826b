import Backplane
import NIOCore
import TestSupport
import Testing

@testable import HubNode

@Suite("Envelope store")
struct EnvelopeStoreTests {
    /// Bytes of an envelope without messages.
    private static let emptySize = StoredEnvelope(1).size

    private func store(
        _ ids: [UInt64], maximumCount: Int = .max, maximumBytes: Int = .max
    ) -> EnvelopeStore {
        var store = EnvelopeStore(maximumCount: maximumCount, maximumBytes: maximumBytes)
        for id in ids { store.append(StoredEnvelope(id)) }
        return store
    }

    private func ids(_ store: EnvelopeStore, after: UInt64 = 0, through: UInt64 = .max) -> [UInt64] {
        store.envelopes(after: after, through: through).map(\.id)
    }

    @Test("a new store is empty")
    func empty() {
        let store = store([])
        #expect(store.count == 0)
        #expect(store.byteCount == 0)
        #expect(store.oldestID == nil)
        #expect(store.newestID == nil)
        #expect(ids(store).isEmpty)
    }

    private static let ranges: [(after: UInt64, through: UInt64, ids: [UInt64])] = [
        (0, .max, [3, 4, 7, 20]), (2, .max, [3, 4, 7, 20]), (3, .max, [4, 7, 20]), (4, .max, [7, 20]),
        (5, .max, [7, 20]), (6, .max, [7, 20]), (7, .max, [20]), (19, .max, [20]), (20, .max, []), (21, .max, []),
        (.max, .max, []),
        (0, 0, []), (0, 2, []), (0, 3, [3]), (0, 6, [3, 4]), (0, 7, [3, 4, 7]), (0, 19, [3, 4, 7]),
        (0, 20, [3, 4, 7, 20]), (3, 7, [4, 7]), (3, 3, []), (4, 6, []), (7, 3, []), (20, 30, []),
    ]

    @Test("returns the envelopes after a cursor, up to another", arguments: ranges)
    func range(after: UInt64, through: UInt64, ids expected: [UInt64]) {
        #expect(ids(store([3, 4, 7, 20]), after: after, through: through) == expected)
    }

    @Test("the search finds the first envelope in a store of any size", arguments: 1...9)
    func search(count: Int) {
        let all = (1...count).map { UInt64($0) * 10 }
        let store = store(all)
        for after in 0...UInt64(count) * 10 + 1 {
            #expect(ids(store, after: after) == all.filter { $0 > after }, "after \(after)")
        }
    }

    @Test("the oldest are dropped: number")
    func maximumCount() {
        let store = store(Array(1...5), maximumCount: 3)
        #expect(ids(store) == [3, 4, 5])
        #expect(store.count == 3)
        #expect(store.oldestID == 3)
        #expect(store.newestID == 5)
        #expect(store.byteCount == 3 * Self.emptySize)
    }

    @Test("the oldest are dropped: bytes")
    func maximumBytes() {
        #expect(ids(store(Array(1...5), maximumBytes: 3 * Self.emptySize)) == [3, 4, 5])
        #expect(ids(store(Array(1...5), maximumBytes: 3 * Self.emptySize - 1)) == [4, 5])
    }

    @Test("a large envelope displaces several; one beyond the limit leaves nothing")
    func large() {
        let large = StoredEnvelope(9, .toHub(String(repeating: "x", count: 1_000)))
        var store = store(Array(1...5), maximumBytes: large.size + Self.emptySize)
        store.append(large)
        #expect(ids(store) == [5, 9])
        #expect(store.byteCount == large.size + Self.emptySize)
        store.append(StoredEnvelope(10, .toHub(String(repeating: "x", count: 2_000))))
        #expect(ids(store).isEmpty)
        #expect(store.byteCount == 0)
        store.append(StoredEnvelope(11))
        #expect(ids(store) == [11])
    }

    @Test("late and repeated envelopes are ignored")
    func late() {
        var store = store([5, 6, 9])
        let size = store.byteCount
        for id: UInt64 in [9, 8, 7, 5, 1, 0] { store.append(StoredEnvelope(id, .toHub("late"))) }
        #expect(ids(store) == [5, 6, 9])
        #expect(store.byteCount == size)
        store.append(StoredEnvelope(10))
        #expect(ids(store) == [5, 6, 9, 10])
    }

    @Test("after a counter reset lower ids are accepted")
    func removeAll() {
        var store = store([100, 101])
        store.removeAll()
        #expect(store.count == 0)
        #expect(store.byteCount == 0)
        #expect(store.newestID == nil)
        store.append(StoredEnvelope(1))
        #expect(ids(store) == [1])
        #expect(store.byteCount == Self.emptySize)
    }

    @Test("agrees with a simple list on random input")
    func model() {
        var random = SplitMix64.announced()
        for _ in 0..<200 {
            let maximumCount = Int.random(in: 1...8, using: &random)
            let maximumBytes = Int.random(in: 200...2_000, using: &random)
            var store = EnvelopeStore(maximumCount: maximumCount, maximumBytes: maximumBytes)
            var model: [StoredEnvelope] = []
            for _ in 0..<50 {
                let size = Int.random(in: 0...600, using: &random)
                let next = (model.last?.id ?? 10) + UInt64.random(in: 1...3, using: &random)
                let envelope = StoredEnvelope(next, .toHub(String(repeating: "x", count: size)))
                store.append(envelope)
                model.append(envelope)
                while model.count > maximumCount || model.reduce(0, { $0 + $1.size }) > maximumBytes {
                    model.removeFirst()
                }
                let after = UInt64.random(in: 0...next + 1, using: &random)
                #expect(ids(store, after: after) == model.map(\.id).filter { $0 > after })
                #expect(store.byteCount == model.reduce(0) { $0 + $1.size })
            }
        }
    }
}

@Suite("Stored envelope")
struct StoredEnvelopeTests {
    private static func command(_ value: String, id: String = "5b3238ca", isAck: Bool = false) -> Message {
        Message(
            source: "server", key: "c-1b8cd930", value: Array(value.utf8), commandID: id, waitForAck: true, isAck: isAck
        )
    }

    @Test("keeps messages in order, keys in both forms, values unchanged")
    func messages() throws {
        let envelope = StoredEnvelope(
            7, .toHub(#"{"H":"chatHub"}"#, key: "h-ChatHub"), .toHub("{ }", key: "hg-ChatHub.Röom"))
        #expect(envelope.id == 7)
        #expect(envelope.messages.map(\.key) == ["h-ChatHub", "hg-ChatHub.Röom"])
        #expect(envelope.messages.map(\.key.folded) == ["h-chathub", "hg-chathub.rÖom"])
        #expect(envelope.messages.map { String(buffer: $0.value) } == [#"{"H":"chatHub"}"#, "{ }"])
        #expect(envelope.messages.allSatisfy { $0.excluded.isEmpty && $0.command == nil })
    }

    @Test("an envelope without messages is valid")
    func empty() {
        #expect(StoredEnvelope(7).messages.isEmpty)
        #expect(StoredEnvelope(7).size > 0)
    }

    @Test("acks are for nodes and are left out")
    func acks() {
        let ack = Message(source: "c", key: "__SIGNALR__SERVER__", value: [], commandID: "5b3238ca", isAck: true)
        let odd = Message(source: "c", key: "h-chatHub", value: Array("{}".utf8), isAck: true)
        let command = Self.command(#"{"Id":"a","CommandType":0}"#, isAck: true)
        #expect(StoredEnvelope(1, ack, odd, command).messages.isEmpty)
        #expect(StoredEnvelope(1, ack, .toHub("1"), odd).messages.map { String(buffer: $0.value) } == ["1"])
    }

    private static let filters: [(filter: String, excluded: [String])] = [
        ("", []), ("c-1B8CD930", ["c-1B8CD930"]), ("c-a|c-B|hg-Hub.g", ["c-a", "c-B", "hg-Hub.g"]),
        ("c-a|", ["c-a"]), ("|c-a", ["c-a"]), ("c-a||c-b", ["c-a", "c-b"]), ("|", []),
    ]

    @Test("a filter is split into keys", arguments: filters)
    func filter(filter: String, excluded: [String]) throws {
        let message = try #require(StoredEnvelope(1, .toHub(filter: filter)).messages.first)
        #expect(message.excluded == excluded.map { SignalKey($0) })
    }

    @Test("commands are parsed", arguments: CommandType.allCases)
    func command(type: CommandType) throws {
        let command = Command(waitForAck: true, id: "5b3238ca", type: type, value: "hg-chatHub.room")
        let stored = StoredEnvelope(1, Message(command, to: "1B8CD930"))
        let message = try #require(stored.messages.first)
        #expect(message.command == command)
        #expect(message.key == "c-1B8CD930")
    }

    @Test(
        "an unreadable command is not delivered",
        arguments: ["", "{}", "garbage", #"{"Id":"a","CommandType":9}"#, #"{"H":"chatHub","M":"x","A":[]}"#])
    func brokenCommand(value: String) {
        let stored = StoredEnvelope(1, Self.command(value), .toHub("1"))
        #expect(stored.messages.map { String(buffer: $0.value) } == ["1"])
    }

    @Test("a command without a command id is a message")
    func noCommand() throws {
        let value = #"{"WaitForAck":false,"Id":"a","CommandType":3,"Value":null}"#
        let message = try #require(StoredEnvelope(1, Self.command(value, id: "")).messages.first)
        #expect(message.command == nil)
        #expect(String(buffer: message.value) == value)
    }

    @Test("the size includes the content")
    func size() {
        let small = StoredEnvelope(1, .toHub("1"))
        #expect(small.size > StoredEnvelope(1).size)
        #expect(StoredEnvelope(1, .toHub(String(repeating: "1", count: 1_001))).size == small.size + 1_000)
        #expect(StoredEnvelope(1, .toHub("1"), .toHub("1")).size > small.size)
    }
}
