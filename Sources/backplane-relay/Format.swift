import Capture

/// Formats numbers for people.
enum Format {
    /// `1,240`
    static func count(_ number: some BinaryInteger) -> String { Quantity.grouped(number) }

    /// `1 envelope`, `1,240 envelopes`
    ///
    /// - Parameter plural: if it is not the noun plus s.
    static func count(_ number: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        Quantity.text(number, noun, plural)
    }

    /// `512 B`, `3.4 KiB`, `1.2 GiB`
    static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 { return unit == "B" ? "\(count) B" : "\(decimal(value, digits: 1)) \(unit)" }
            value /= 1024
        }
        return "\(decimal(value, digits: 1)) TiB"
    }

    /// `830 ms`, `12.3 s`, `1 h 02 min`
    static func seconds(_ seconds: Double) -> String {
        switch seconds {
        case ..<0.001: "\(decimal(seconds * 1e6, digits: 0)) us"
        case ..<1: "\(decimal(seconds * 1e3, digits: 1)) ms"
        case ..<120: "\(decimal(seconds, digits: 1)) s"
        case ..<7_200: "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
        default: "\(Int(seconds) / 3600) h \(Int(seconds) / 60 % 60) min"
        }
    }

    static func decimal(_ number: Double, digits: Int) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((number * Double(scale)).rounded())
        let whole = count(abs(scaled) / scale)
        let sign = scaled < 0 ? "-" : ""
        guard digits > 0 else { return sign + whole }
        let fraction = String(abs(scaled) % scale)
        return sign + whole + "." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

extension String {
    /// Pads with trailing spaces.
    func padding(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
