import Backplane

/// A pattern for signals: `*` stands for any text, also none, `?` for one character. Case does not matter, as to nodes
/// (``CaselessName``).
struct Glob: Sendable {
    private static let any = UInt8(ascii: "*")
    private static let one = UInt8(ascii: "?")

    private let pattern: [UInt8]

    init(_ pattern: String) {
        var pattern = pattern
        self.pattern = pattern.withUTF8 { OrdinalCase.folded(UnsafeRawBufferPointer($0)) }
    }

    /// - Parameter text: UTF-8; what is malformed counts as U+FFFD.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        if OrdinalCase.isASCII(text) { return matchesFolded(text) }
        return OrdinalCase.folded(text).withUnsafeBytes { matchesFolded($0) }
    }

    /// - Parameter text: well-formed; beyond ASCII in upper case.
    private func matchesFolded(_ text: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        var position = 0
        // Behind the last `*`, and how much of the text it stands for so far ends where.
        var retry: (place: Int, position: Int)?
        while position < text.count {
            let wanted = place < pattern.count ? pattern[place] : nil
            if wanted == Self.any {
                place += 1
                retry = (place, position)
            } else if wanted == Self.one {
                place += 1
                position = Self.characterEnd(in: text, from: position)
            } else if let wanted, wanted == OrdinalCase.uppercased(ascii: text[position]) {
                place += 1
                position += 1
            } else if let last = retry {
                // The last `*` takes one more; earlier ones never need to.
                position = Self.characterEnd(in: text, from: last.position)
                place = last.place
                retry = (place, position)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == Self.any }
    }

    private static func characterEnd(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start + 1
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }
}
