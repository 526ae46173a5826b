/// A pattern for signals: `*` stands for any text, also none, `?` for one character. Upper and lower case of ASCII letters
/// are the same, since nodes route without regard to case.
struct Glob: Sendable {
    private static let any = UInt8(ascii: "*")
    private static let one = UInt8(ascii: "?")

    private let pattern: [UInt8]

    init(_ pattern: String) {
        self.pattern = pattern.utf8.map(CaselessName.lowercased)
    }

    /// - Parameter text: valid UTF-8.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
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
            } else if let wanted, wanted == CaselessName.lowercased(text[position]) {
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
