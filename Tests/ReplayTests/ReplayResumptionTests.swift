import Testing

@testable import Replay

@Suite struct ReplayResumptionTests {
    static let cases: [(confirmed: Int, sent: Int, known: Int?, isSameProcess: Bool, published: Int, doubted: Int)] = [
        // The target's own account tells exactly.
        (100, 164, 130, true, 130, 0), (100, 164, 164, true, 164, 0), (100, 164, 100, true, 100, 0),
        // Restarted, or another: what it knew last may be gone.
        (100, 164, 130, false, 130, 34), (100, 164, 164, false, 164, 0),
        // It knows less than was answered, or nothing.
        (100, 164, 99, true, 100, 64), (100, 164, 99, false, 100, 64), (100, 164, nil, true, 100, 64),
        (100, 164, nil, false, 100, 64), (0, 1_024, nil, true, 0, 1_024),
        // Nothing was under way.
        (100, 100, nil, false, 100, 0), (0, 0, nil, true, 0, 0),
        // The file was an old copy: the target knows better.
        (100, 164, 900, true, 900, 0), (100, 164, 900, false, 900, 0),
    ]

    @Test(arguments: cases)
    func goesOn(confirmed: Int, sent: Int, known: Int?, isSameProcess: Bool, published: Int, doubted: Int) {
        let resumption = ReplayResumption(
            confirmed: confirmed, sent: sent, known: known, isSameProcess: isSameProcess)
        #expect(resumption.published == published)
        #expect(resumption.doubted == doubted)
    }
}
