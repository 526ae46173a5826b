/// A dictionary with names as keys that tells them apart by their bytes, as ``OrdinalName`` does.
public struct OrdinalNameMap<Value>: Sequence, ExpressibleByDictionaryLiteral {
    public typealias Element = (key: String, value: Value)

    private var entries: [OrdinalName: Value] = [:]

    public init() {}

    public init(dictionaryLiteral elements: (String, Value)...) {
        for (key, value) in elements { entries[OrdinalName(key)] = value }
    }

    /// Of a key that comes twice the last value counts.
    public init(_ elements: some Sequence<(String, Value)>) {
        for (key, value) in elements { entries[OrdinalName(key)] = value }
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    /// In no order.
    public var keys: [String] { entries.keys.map(\.text) }
    /// In the order of ``keys``.
    public var values: some Collection<Value> { entries.values }

    public subscript(key: String) -> Value? {
        get { entries[OrdinalName(key)] }
        set { entries[OrdinalName(key)] = newValue }
        _modify { yield &entries[OrdinalName(key)] }
    }

    public subscript(key: String, default value: @autoclosure () -> Value) -> Value {
        get { entries[OrdinalName(key)] ?? value() }
        _modify { yield &entries[OrdinalName(key), default: value()] }
    }

    @discardableResult
    public mutating func updateValue(_ value: Value, forKey key: String) -> Value? {
        entries.updateValue(value, forKey: OrdinalName(key))
    }

    @discardableResult
    public mutating func removeValue(forKey key: String) -> Value? {
        entries.removeValue(forKey: OrdinalName(key))
    }

    public func mapValues<Other>(_ transform: (Value) throws -> Other) rethrows -> OrdinalNameMap<Other> {
        var result = OrdinalNameMap<Other>()
        for (key, value) in entries { result.entries[key] = try transform(value) }
        return result
    }

    public func compactMapValues<Other>(_ transform: (Value) throws -> Other?) rethrows -> OrdinalNameMap<Other> {
        var result = OrdinalNameMap<Other>()
        for (key, value) in entries { result.entries[key] = try transform(value) }
        return result
    }

    public func makeIterator() -> some IteratorProtocol<(key: String, value: Value)> {
        entries.lazy.map { (key: $0.key.text, value: $0.value) }.makeIterator()
    }
}

extension OrdinalNameMap: Sendable where Value: Sendable {}
extension OrdinalNameMap: Equatable where Value: Equatable {}
