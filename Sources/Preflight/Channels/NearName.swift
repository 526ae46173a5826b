import Backplane

/// Suggestions for mistyped names.
package enum NearName {
    /// The only name that differs just by case or Unicode form, is similar, or is the typed one with a prefix or suffix
    /// (`channelPrefix`).
    ///
    /// - Parameter names: existing names; the typed one is ignored.
    /// - Returns: nil if nothing is similar enough.
    package static func nearest(to typed: String, among names: some Sequence<String>) -> String? {
        let lowercased = typed.lowercased()
        let limit = min(2, max(1, typed.count / 3))
        var best: (name: String, distance: Int)?
        var containing: [String] = []
        for name in names where !name.isSameOrdinally(as: typed) {
            let other = name.lowercased()
            if other == lowercased { return name }
            let distance = abs(other.count - lowercased.count) > limit ? .max : distance(lowercased, other)
            if distance <= limit, distance < best?.distance ?? .max { best = (name, distance) }
            if typed.count >= 3, containing.count < 2, other.hasSuffix(lowercased) || other.hasPrefix(lowercased) {
                containing.append(name)
            }
        }
        return best?.name ?? (containing.count == 1 ? containing[0] : nil)
    }

    /// Number of insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
    package static func distance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first.prefix(64)), Array(second.prefix(64)))
        guard !first.isEmpty, !second.isEmpty else { return max(first.count, second.count) }
        var beforeLast: [Int] = []
        var last = Array(0...second.count)
        for row in 1...first.count {
            var current = [row]
            for column in 1...second.count {
                let isSame = first[row - 1] == second[column - 1]
                var least = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (isSame ? 0 : 1))
                if row > 1, column > 1, first[row - 1] == second[column - 2], first[row - 2] == second[column - 1] {
                    least = min(least, beforeLast[column - 2] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[second.count]
    }
}
