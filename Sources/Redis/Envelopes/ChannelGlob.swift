/// A pattern of channels as Redis matches it: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a literal character.
///
/// A server matches patterns for its subscribers; a reader of the replication stream has to do it itself.
struct ChannelGlob {
    private let pattern: [UInt8]
    /// The pattern is these bytes and a `*`, or nothing more: the usual case.
    private let literal: [UInt8]?
    private let isOpen: Bool

    init(_ pattern: [UInt8]) {
        self.pattern = pattern
        var literal: [UInt8] = []
        var at = 0
        while at < pattern.count, ![UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains(pattern[at]) {
            if pattern[at] == UInt8(ascii: "\\"), at + 1 < pattern.count { at += 1 }
            literal.append(pattern[at])
            at += 1
        }
        isOpen = at < pattern.count
        self.literal = pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") } ? literal : nil
    }

    /// What every matching name begins with, if nothing else is required.
    var prefix: [UInt8]? { isOpen ? literal : nil }

    func matches(_ name: UnsafeRawBufferPointer) -> Bool {
        if let literal {
            guard name.count == literal.count || isOpen && name.count >= literal.count else { return false }
            for index in 0..<literal.count where name[index] != literal[index] { return false }
            return true
        }
        return pattern.withUnsafeBytes { Self.matches($0, name) }
    }

    /// Backtracks to the last `*` only: an earlier one is never necessary.
    private static func matches(_ pattern: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        var read = 0
        var retry: (at: Int, read: Int)?
        while true {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                at += 1
                retry = (at, read)
                continue
            }
            if read == name.count, at == pattern.count { return true }
            if read < name.count, at < pattern.count, let next = element(of: pattern, from: at, matching: name[read]) {
                at = next
                read += 1
                continue
            }
            guard let again = retry, again.read < name.count else { return false }
            retry = (again.at, again.read + 1)
            (at, read) = (again.at, again.read + 1)
        }
    }

    /// - Returns: the end of the element that begins at `start`; nil if it does not match the byte.
    private static func element(of pattern: UnsafeRawBufferPointer, from start: Int, matching byte: UInt8) -> Int? {
        switch pattern[start] {
        case UInt8(ascii: "?"): return start + 1
        case UInt8(ascii: "["): return set(in: pattern, from: start + 1, matching: byte)
        case UInt8(ascii: "\\") where start + 1 < pattern.count:
            return pattern[start + 1] == byte ? start + 2 : nil
        default: return pattern[start] == byte ? start + 1 : nil
        }
    }

    /// As in Redis, a set without `]` ends with the pattern.
    private static func set(in pattern: UnsafeRawBufferPointer, from start: Int, matching byte: UInt8) -> Int? {
        var at = start
        let isNegated = at < pattern.count && pattern[at] == UInt8(ascii: "^")
        if isNegated { at += 1 }
        var isIn = false
        while at < pattern.count, pattern[at] != UInt8(ascii: "]") {
            if pattern[at] == UInt8(ascii: "\\"), at + 1 < pattern.count {
                at += 1
                if pattern[at] == byte { isIn = true }
            } else if at + 2 < pattern.count, pattern[at + 1] == UInt8(ascii: "-") {
                let (low, high) = (min(pattern[at], pattern[at + 2]), max(pattern[at], pattern[at + 2]))
                if (low...high).contains(byte) { isIn = true }
                at += 2
            } else if pattern[at] == byte {
                isIn = true
            }
            at += 1
        }
        return isIn != isNegated ? min(at + 1, pattern.count) : nil
    }
}
