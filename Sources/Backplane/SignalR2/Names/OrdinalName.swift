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

    /// For literals.
    package init(stringLiteral text: String) {
        self.text = text
    }

    package var description: String { text }
    package var debugDescription: String { text.debugDescription }

    /// Compares bytes.
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

/// A dictionary keyed by names, distinguished by their bytes like ``OrdinalName``.
package struct OrdinalNameMap<Value>: Sequence, ExpressibleByDictionaryLiteral {
    /// A name and its value.
    package typealias Element = (key: String, value: Value)

    private var entries: [OrdinalName: Value] = [:]

    /// An empty map.
    package init() {}

    /// For duplicate keys the last value counts.
    package init(dictionaryLiteral elements: (String, Value)...) {
        for (key, value) in elements { entries[OrdinalName(key)] = value }
    }

    /// For duplicate keys the last value counts.
    package init(_ elements: some Sequence<(String, Value)>) {
        for (key, value) in elements { entries[OrdinalName(key)] = value }
    }

    /// Number of names.
    package var count: Int { entries.count }
    /// Whether it holds no name.
    package var isEmpty: Bool { entries.isEmpty }
    /// Unordered.
    package var keys: [String] { entries.keys.map(\.text) }
    /// In the order of ``keys``.
    package var values: some Collection<Value> { entries.values }

    /// nil if there is none; setting nil removes it.
    package subscript(key: String) -> Value? {
        get { entries[OrdinalName(key)] }
        set { entries[OrdinalName(key)] = newValue }
        _modify { yield &entries[OrdinalName(key)] }
    }

    /// The value of the key, or the default if there is none; changing it in place adds the key.
    package subscript(key: String, default value: @autoclosure () -> Value) -> Value {
        get { entries[OrdinalName(key)] ?? value() }
        _modify { yield &entries[OrdinalName(key), default: value()] }
    }

    /// - Returns: the previous value; nil if the key is new.
    @discardableResult
    package mutating func updateValue(_ value: Value, forKey key: String) -> Value? {
        entries.updateValue(value, forKey: OrdinalName(key))
    }

    /// - Returns: the removed value; nil if there was none.
    @discardableResult
    package mutating func removeValue(forKey key: String) -> Value? {
        entries.removeValue(forKey: OrdinalName(key))
    }

    /// The same keys with transformed values.
    package func mapValues<Other>(_ transform: (Value) throws -> Other) rethrows -> OrdinalNameMap<Other> {
        var result = OrdinalNameMap<Other>()
        for (key, value) in entries { result.entries[key] = try transform(value) }
        return result
    }

    /// The same, without the keys whose transformed value is nil.
    package func compactMapValues<Other>(_ transform: (Value) throws -> Other?) rethrows -> OrdinalNameMap<Other> {
        var result = OrdinalNameMap<Other>()
        for (key, value) in entries { result.entries[key] = try transform(value) }
        return result
    }

    /// - Parameter isIncluded: called with the key.
    package func filter(_ isIncluded: (String) throws -> Bool) rethrows -> OrdinalNameMap {
        var result = OrdinalNameMap()
        for (key, value) in entries where try isIncluded(key.text) { result.entries[key] = value }
        return result
    }

    /// Adds entries of the other map; existing keys keep their value.
    package func filled(from other: OrdinalNameMap) -> OrdinalNameMap {
        var result = self
        result.entries.merge(other.entries) { own, _ in own }
        return result
    }

    /// In no particular order.
    package func makeIterator() -> some IteratorProtocol<(key: String, value: Value)> {
        entries.lazy.map { (key: $0.key.text, value: $0.value) }.makeIterator()
    }
}

extension OrdinalNameMap: Sendable where Value: Sendable {}
extension OrdinalNameMap: Equatable where Value: Equatable {}

/// Encoded as an object; if two names are canonically equivalent, which Foundation's coders treat as one, as an array
/// of pairs.
extension OrdinalNameMap: Codable where Value: Codable {
    private struct Pair: Codable {
        var name: String
        var value: Value
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let pairs = try? container.decode([Pair].self) {
            self.init(pairs.map { ($0.name, $0.value) })
        } else {
            self.init(try container.decode([String: Value].self).map { ($0.key, $0.value) })
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        let object = Dictionary(map { ($0.key, $0.value) }) { first, _ in first }
        if object.count == count {
            try container.encode(object)
        } else {
            let names = entries.keys.sorted()
            try container.encode(names.compactMap { name in entries[name].map { Pair(name: name.text, value: $0) } })
        }
    }
}
