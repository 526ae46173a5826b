/// A time in the units of .NET's `DateTime`: 100 ns since 0001-01-01 UTC.
package struct DotNetTicks: RawRepresentable, Equatable, Sendable {
    /// Units of 100 ns since 0001-01-01 UTC; from a wire also what no `DateTime` can hold.
    package var rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// 1970-01-01 UTC.
    private static let unixEpoch: Int64 = 621_355_968_000_000_000
    /// 0001-01-01 to the last tick of 9999: the range of `DateTime`.
    private static let dateTimeRange: ClosedRange<Int64> = 0...3_155_378_975_999_999_999
    private static let nanosecondsPerTick: Int64 = 100

    /// The tick that contains a time in nanoseconds since 1970-01-01 UTC.
    package init(unixNanoseconds: Int64) {
        // Round down, also before 1970.
        let (quotient, remainder) = unixNanoseconds.quotientAndRemainder(dividingBy: Self.nanosecondsPerTick)
        rawValue = Self.unixEpoch + quotient - (remainder < 0 ? 1 : 0)
    }

    /// Whether a `DateTime` can represent it; otherwise .NET throws.
    @inline(__always)
    var isDateTime: Bool { rawValue >= 0 && rawValue <= Self.dateTimeRange.upperBound }

    /// Nanoseconds since 1970-01-01 UTC; nil outside the range of `DateTime` or of 64-bit nanoseconds (1677 to 2262).
    package var unixNanoseconds: Int64? {
        guard Self.dateTimeRange.contains(rawValue) else { return nil }
        let (nanoseconds, overflow) = (rawValue - Self.unixEpoch)
            .multipliedReportingOverflow(by: Self.nanosecondsPerTick)
        return overflow ? nil : nanoseconds
    }
}
