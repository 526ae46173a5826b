/// Formats numbers with the shortest digits that round-trip.
enum NumberText {
    /// A sample's value. Whole numbers have no fraction: `3`, `0.25`, `1e+16`, `NaN`, `+Inf`, `-Inf`.
    static func value(_ number: Double) -> String {
        guard number.isFinite else {
            return number.isNaN ? "NaN" : number < 0 ? "-Inf" : "+Inf"
        }
        let digits = number.description
        return digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
    }

    /// The label `le` of a bucket, in the canonical format of OpenMetrics: `0.005`, `1.0`, `1.048576e+06`, `+Inf`.
    ///
    /// This is Go's `%g`, plus `.0` for whole numbers. Swift's format is the same, but it uses an exponent from 2^54
    /// on, and `%g` from 1e6 on.
    ///
    /// - Parameter bound: not negative, not NaN.
    static func bound(_ bound: Double) -> String {
        guard bound.isFinite else { return "+Inf" }
        let digits = bound.description
        guard bound >= 1e6, let point = digits.firstIndex(of: "."), !digits.contains("e") else { return digits }

        let exponent = digits.distance(from: digits.startIndex, to: point) - 1
        var mantissa = digits.filter { $0 != "." }
        while mantissa.count > 1, mantissa.last == "0" {
            mantissa.removeLast()
        }
        if mantissa.count > 1 {
            mantissa.insert(".", at: mantissa.index(after: mantissa.startIndex))
        }
        return "\(mantissa)e+\(exponent < 10 ? "0" : "")\(exponent)"
    }
}

extension [UInt8] {
    /// Appends a number without creating a string. A counter that overflowed `Int.max` is negative.
    mutating func appendDigits(of number: Int) {
        if number < 0 { append(UInt8(ascii: "-")) }
        let start = count
        var rest = number.magnitude
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}
