/// Captured ids; consecutive ones as ranges.
enum UncertainIDs {
    private static let listedRanges = 20

    /// - Parameter ids: nil for an envelope without id.
    static func text(_ ids: [UInt64?]) -> String {
        var ranges: [(UInt64?, UInt64?)] = []
        for id in ids {
            if let id, let last = ranges.last?.1, last < id, last + 1 == id {
                ranges[ranges.count - 1].1 = id
            } else {
                ranges.append((id, id))
            }
        }
        let texts = ranges.prefix(listedRanges).map { first, last in
            guard let first, let last else { return "?" }
            return first == last ? "\(first)" : "\(first)..\(last)"
        }
        return texts.joined(separator: ", ") + (ranges.count > listedRanges ? ", ..." : "")
    }
}
