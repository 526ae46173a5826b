/// Captured ids, as ranges where they follow each other.
enum UncertainIDs {
    private static let listedRanges = 20

    /// - Parameter ids: nil for an envelope that has none.
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
