/// Redis 7's `stringmatchlen` (util.c), branch for branch, without its option to ignore case.
func redisMatches(_ pattern: [UInt8], _ string: [UInt8]) -> Bool {
    var skipsLongerMatches = false
    return redisMatches(pattern[...], string[...], &skipsLongerMatches, 0)
}

private func redisMatches(
    _ wholePattern: ArraySlice<UInt8>, _ wholeString: ArraySlice<UInt8>, _ skipsLongerMatches: inout Bool,
    _ nesting: Int
) -> Bool {
    if nesting > 1_000 { return false }
    var pattern = wholePattern
    var string = wholeString
    while let first = pattern.first, !string.isEmpty {
        switch first {
        case UInt8(ascii: "*"):
            while pattern.count > 1, pattern[pattern.startIndex + 1] == UInt8(ascii: "*") { pattern.removeFirst() }
            if pattern.count == 1 { return true }
            while !string.isEmpty {
                if redisMatches(pattern.dropFirst(), string, &skipsLongerMatches, nesting + 1) { return true }
                if skipsLongerMatches { return false }
                string.removeFirst()
            }
            skipsLongerMatches = true
            return false
        case UInt8(ascii: "?"): string.removeFirst()
        case UInt8(ascii: "["):
            guard let matches = matchesClass(&pattern, string[string.startIndex]), matches else { return false }
            string.removeFirst()
        case UInt8(ascii: "\\") where pattern.count >= 2:
            pattern.removeFirst()
            fallthrough
        default:
            if pattern.first != string.first { return false }
            string.removeFirst()
        }
        pattern = pattern.dropFirst()
        if string.isEmpty {
            while pattern.first == UInt8(ascii: "*") { pattern.removeFirst() }
            break
        }
    }
    return pattern.isEmpty && string.isEmpty
}

/// Leaves the pattern at the last byte of the class.
private func matchesClass(_ pattern: inout ArraySlice<UInt8>, _ byte: UInt8) -> Bool? {
    pattern.removeFirst()
    let isNegated = pattern.first == UInt8(ascii: "^")
    if isNegated { pattern.removeFirst() }
    var matches = false
    while true {
        guard let first = pattern.first else {
            // As in Redis: the class ends with the pattern.
            return matches != isNegated
        }
        if first == UInt8(ascii: "\\"), pattern.count >= 2 {
            pattern.removeFirst()
            if pattern.first == byte { matches = true }
        } else if first == UInt8(ascii: "]") {
            return matches != isNegated
        } else if pattern.count >= 3, pattern[pattern.startIndex + 1] == UInt8(ascii: "-") {
            let last = pattern[pattern.startIndex + 2]
            if (min(first, last)...max(first, last)).contains(byte) { matches = true }
            pattern.removeFirst(2)
        } else if first == byte {
            matches = true
        }
        pattern.removeFirst()
    }
}
