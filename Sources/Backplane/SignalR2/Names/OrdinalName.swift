/// A name that is compared by its bytes.
///
/// Swift's `String` compares by canonical equivalence: `é` as one code point equals `e` with a combining accent. To
/// Redis and to nodes these are two channels, groups or users.
package struct OrdinalName: Hashable, Comparable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    ExpressibleByStringLiteral
{
    /// As it is written.
    package let text: String

    /// A name as it is written.
    package init(_ text: some StringProtocol) {
        self.text = String(text)
    }

    package init(stringLiteral text: String) {
        self.text = text
    }

    package var description: String { text }
    package var debugDescription: String { text.debugDescription }

    package static func == (first: OrdinalName, second: OrdinalName) -> Bool {
        first.text.isSameOrdinally(as: second.text)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8.max)
    }

    /// By bytes, the order of normalized `String`s.
    package static func < (first: OrdinalName, second: OrdinalName) -> Bool {
        first.text.utf8.lexicographicallyPrecedes(second.text.utf8)
    }
}

extension StringProtocol {
    /// Whether both have the same bytes.
    package func isSameOrdinally(as other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8)
    }
}

extension Sequence where Element: StringProtocol {
    /// Whether no two have the same bytes.
    package var areDifferentOrdinally: Bool {
        var seen: Set<OrdinalName> = []
        return allSatisfy { seen.insert(OrdinalName($0)).inserted }
    }
}
