import Backplane
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

    @Test("a new one is empty")
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

    @Test("gives what lies behind a cursor, up to another one", arguments: ranges)
    func range(after: UInt64, through: UInt64, ids expected: [UInt64]) {
        #expect(ids(store([3, 4, 7, 20]), after: after, through: through) == expected)
    }

    @Test("the search finds the first one in a store of any size", arguments: 1...9)
    func search(count: Int) {
        let all = (1...count).map { UInt64($0) * 10 }
        let store = store(all)
        for after in 0...UInt64(count) * 10 + 1 {
            #expect(ids(store, after: after) == all.filter { $0 > after }, "after \(after)")
        }
    }

    @Test("the oldest make room: number")
    func maximumCount() {
        let store = store(Array(1...5), maximumCount: 3)
        #expect(ids(store) == [3, 4, 5])
        #expect(store.count == 3)
        #expect(store.oldestID == 3)
        #expect(store.newestID == 5)
        #expect(store.byteCount == 3 * Self.emptySize)
    }

    @Test("the oldest make room: bytes")
    func maximumBytes() {
        #expect(ids(store(Array(1...5), maximumBytes: 3 * Self.emptySize)) == [3, 4, 5])
        #expect(ids(store(Array(1...5), maximumBytes: 3 * Self.emptySize - 1)) == [4, 5])
    }

    @Test("a large one makes several go; one beyond the limit leaves nothing")
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

    @Test("one that came late, or twice, is left out")
    func late() {
        var store = store([5, 6, 9])
        let size = store.byteCount
        for id: UInt64 in [9, 8, 7, 5, 1, 0] { store.append(StoredEnvelope(id, .toHub("late"))) }
        #expect(ids(store) == [5, 6, 9])
        #expect(store.byteCount == size)
        store.append(StoredEnvelope(10))
        #expect(ids(store) == [5, 6, 9, 10])
    }

    @Test("after the counter was set back lower ids come in again")
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

    @Test("holds what a plain list would, whatever comes")
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
