import SignalRBackplane
import Testing

@Suite struct CounterInterleavingTests {
    static let histories: [(name: String, ids: [UInt64], jumps: Int)] = [
        ("one counter", Array(1...500), 0),
        ("one counter with gaps", [1, 2, 50, 51, 900, 5_000, 5_001], 0),
        ("set back once", [100, 101, 1, 2, 3, 4], 0),
        ("set back and restored by a node", [100, 101, 1, 101, 102, 103, 104], 0),
        ("set back twice", [100, 101, 1, 2, 3, 1, 2, 3], 0),
        ("two counters", [100, 101, 5, 102, 6, 7, 103, 8], 3),
        ("two counters, one much faster", Array(1_000...1_100) + [5] + Array(1_101...1_300) + [6, 1_301], 1),
        ("two counters that meet", [10, 4, 11, 5, 12, 6, 7, 8, 9, 10], 6),
        ("apart by more than the lower one has passed", [9_000, 3, 9_001, 4, 9_002, 5, 9_003], 2),
        ("late ids of one counter", [1, 2, 9, 3, 4, 10, 5], 0),
        ("duplicates", [7, 7, 8, 8, 9], 0),
    ]

    @Test(arguments: histories) func history(name: String, ids: [UInt64], jumps: Int) {
        var tracker = SequenceTracker()
        var interleaving = CounterInterleaving()
        let count = ids.count { interleaving.jumps(tracker.observe($0), id: $0) }
        #expect(count == jumps, "\(name)")
    }
}
