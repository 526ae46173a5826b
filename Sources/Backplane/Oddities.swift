/// How a payload that nodes accept differs from what nodes write, one bit for each difference. The publisher is then
/// not a node, or a node of another implementation.
package protocol Oddities: OptionSet, Hashable, Sendable where RawValue == UInt8 {
    /// Stable snake_case names, in the order of the bits, lowest first.
    static var names: [String] { get }
}

extension Oddities {
    /// Every single oddity, in the order of ``names``.
    package static var allCases: [Self] { names.indices.map { Self(rawValue: 1 << UInt8($0)) } }

    /// Name of a single oddity, for the `reason` label of metrics.
    package var label: String {
        let bit = rawValue.trailingZeroBitCount
        return bit < Self.names.count ? Self.names[bit] : "other"
    }

    /// Names of all that are set.
    package var labels: [String] { Self.allCases.filter(isSuperset).map(\.label) }
}
