/// A time as .NET's `DateTime` counts it: 100 ns units since 0001-01-01 UTC.
package struct DotNetTicks: RawRepresentable, Equatable, Sendable {
    /// Units of 100 ns since 0001-01-01 UTC; from a wire also what no `DateTime` can hold.
    package var rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// 1970-01-01 UTC.
    private static let unixEpoch: Int64 = 621_355_968_000_000_000
    /// 0001-01-01 up to the last tick of 9999: what a `DateTime` can hold.
    private static let dateTimeRange: ClosedRange<Int64> = 0...3_155_378_975_999_999_999
    private static let nanosecondsPerTick: Int64 = 100

    /// The tick in which a time lies, given in nanoseconds since 1970-01-01 UTC.
    package init(unixNanoseconds: Int64) {
        // Round down, also before 1970: a time belongs to the tick that has begun.
        let (quotient, remainder) = unixNanoseconds.quotientAndRemainder(dividingBy: Self.nanosecondsPerTick)
        rawValue = Self.unixEpoch + quotient - (remainder < 0 ? 1 : 0)
    }

    /// Whether a `DateTime` can hold it; else .NET throws.
    @inline(__always)
    var isDateTime: Bool { rawValue >= 0 && rawValue <= Self.dateTimeRange.upperBound }

    /// Nanoseconds since 1970-01-01 UTC; nil for what is no `DateTime`, or beyond the years 1677 to 2262 that 64 bits of
    /// nanoseconds reach.
    package var unixNanoseconds: Int64? {
        guard Self.dateTimeRange.contains(rawValue) else { return nil }
        let (nanoseconds, overflow) = (rawValue - Self.unixEpoch)
            .multipliedReportingOverflow(by: Self.nanosecondsPerTick)
        return overflow ? nil : nanoseconds
    }
}
