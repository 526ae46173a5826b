import Testing

@testable import Replay

@Suite struct IDRebaseTests {
    @Test(
        "the first follows the counter, holes stay, and ids never fall",
        arguments: [
            (0, [7, 8, 9], [1, 2, 3]), (100, [7, 8, 12, 13], [101, 102, 106, 107]),
            // Set back, twice the same, and one without an id.
            (100, [7, 8, 1, 2, 5], [101, 102, 103, 104, 107]), (5, [7, 7, 8], [6, 7, 8]),
            (5, [7, nil, 9], [6, 7, 8]), (5, [nil, nil], [6, 7]),
        ] as [(UInt64, [UInt64?], [UInt64])])
    func rebases(counter: UInt64, captured: [UInt64?], expected: [UInt64]) {
        var rebase = IDRebase(counter: counter)
        #expect(captured.map { rebase.id(for: $0) } == expected)
    }
}
