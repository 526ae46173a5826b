/// Distinguishes a quiet channel from one that does not reach us: the counter moves, but nothing arrives.
///
/// Takes three readings: ids assigned between the first two had time until the third to arrive.
struct SilenceDetector {
    private struct Look {
        let issuedID: UInt64
        let envelopes: Int
    }

    private var looks: [Look] = []

    /// - Parameters:
    ///   - issuedID: the counter key's value.
    ///   - envelopes: received so far.
    mutating func look(issuedID: UInt64, envelopes: Int) -> Bool {
        defer { looks = looks.suffix(1) + [Look(issuedID: issuedID, envelopes: envelopes)] }
        guard looks.count == 2 else { return false }
        return looks[1].issuedID > looks[0].issuedID && looks[0].envelopes == envelopes
    }
}
