import Testing

@testable import Relay

@Suite struct SilenceDetectorTests {
    typealias Look = (issuedID: UInt64, envelopes: Int)

    /// Checks, and the result of each.
    static let histories: [(String, [Look], [Bool])] = [
        ("nothing happens", [(5, 0), (5, 0), (5, 0), (5, 0)], [false, false, false, false]),
        ("everything arrives", [(5, 0), (7, 2), (9, 4), (9, 4)], [false, false, false, false]),
        ("the newest is still in flight", [(5, 0), (5, 0), (6, 0), (6, 1)], [false, false, false, false]),
        ("nothing arrives", [(5, 0), (7, 0), (9, 0), (9, 0), (9, 0)], [false, false, true, true, false]),
        ("envelopes arrive again", [(5, 0), (7, 0), (9, 0), (11, 3)], [false, false, true, false]),
        ("the counter was set back", [(500, 9), (1, 9), (1, 9), (1, 9)], [false, false, false, false]),
    ]

    @Test(arguments: histories) func history(name: String, looks: [Look], says: [Bool]) {
        var detector = SilenceDetector()
        #expect(looks.map { detector.look(issuedID: $0.issuedID, envelopes: $0.envelopes) } == says, "\(name)")
    }
}
