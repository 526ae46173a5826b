/// In what a payload differs from those that nodes write, though nodes take it all the same: one bit for each thing that
/// may be odd. Somebody other than a node, or a node of another make, publishes there.
package protocol Oddities: OptionSet, Hashable, Sendable where RawValue == UInt8 {
    /// Stable snake_case names, that of the lowest bit first.
    static var names: [String] { get }
}

extension Oddities {
    /// One of each, in the order of the names.
    package static var allCases: [Self] { names.indices.map { Self(rawValue: 1 << UInt8($0)) } }

    /// Name of a single one, for the `reason` label of metrics.
    package var label: String {
        let bit = rawValue.trailingZeroBitCount
        return bit < Self.names.count ? Self.names[bit] : "other"
    }

    /// Names of all that are set.
    package var labels: [String] { Self.allCases.filter(isSuperset).map(\.label) }
}
