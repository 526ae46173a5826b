/// A duration as text: `200ms`, `20s`, `15m`, `1h`, `7d`.
package struct TimeSpan: Comparable, Sendable, CustomStringConvertible {
    /// Its length.
    package let nanoseconds: UInt64

    /// A span of this length.
    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// - Parameter text: a number, possibly with decimals, and a unit. Nil for zero, and for more than thirty years.
    package init?(_ text: String) {
        let units: [(String, Double)] = [
            ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9), ("d", 86_400e9),
        ]
        guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }),
            let number = Double(text.dropLast(unit.count)), number > 0, number * factor < 1e18
        else { return nil }
        nanoseconds = UInt64(number * factor)
    }

    /// - Parameter count: below 2^64 / 10^6.
    package static func milliseconds(_ count: UInt64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000) }
    /// - Parameter count: at most 5,124,095.
    package static func hours(_ count: UInt64) -> TimeSpan { TimeSpan(nanoseconds: count * 3_600_000_000_000) }

    /// By length.
    package static func < (first: TimeSpan, second: TimeSpan) -> Bool { first.nanoseconds < second.nanoseconds }

    /// In the largest unit, up to hours, that divides it exactly.
    package var description: String {
        for (unit, factor) in [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000)]
            as [(String, UInt64)]
        where nanoseconds % factor == 0 {
            return "\(nanoseconds / factor)\(unit)"
        }
        return "\(nanoseconds / 1_000_000)ms"
    }
}
