/// Progress as one line: `cat  [======>      ]  52 %  1,234 envelopes  3.4 s left`.
struct ProgressLine: Sendable, Equatable {
    private static let widestBar = 40
    private static let narrowestBar = 10

    /// The name of the operation.
    var label: String
    /// Done and total, in any unit; without a total there is no bar.
    var done: UInt64
    var total: UInt64?
    /// Additional text.
    var detail = ""
    /// Seconds since the start, for estimating the rest.
    var elapsed = 0.0

    /// Fits the line into a number of columns: drops the bar first, then cuts the end.
    func text(width: Int) -> String {
        let line = parts(bar: nil)
        let room = width - line.count - 4
        let fits = share != nil && room >= Self.narrowestBar
        let text = fits ? parts(bar: min(room, Self.widestBar)) : line
        return String(text.prefix(max(0, width)))
    }

    private func parts(bar width: Int?) -> String {
        var parts = [label]
        if let share {
            if let width { parts.append(Self.bar(share, width: width)) }
            let percent = Int(share * 100)
            parts.append("\(String(repeating: " ", count: 3 - "\(percent)".count))\(percent) %")
        }
        if !detail.isEmpty { parts.append(detail) }
        if let left { parts.append("\(Format.seconds(left)) left") }
        return parts.joined(separator: "  ")
    }

    private var share: Double? {
        guard let total else { return nil }
        return total == 0 ? 1 : min(1, Double(done) / Double(total))
    }

    /// Estimated seconds left, by linear extrapolation; nil while there is too little data.
    private var left: Double? {
        guard let share, share >= 0.01, share < 1, elapsed > 0 else { return nil }
        return (elapsed * (1 - share) / share).rounded(.up)
    }

    static func bar(_ share: Double, width: Int) -> String {
        let filled = Int(share * Double(width))
        let head = filled < width ? ">" : ""
        return "[" + String(repeating: "=", count: filled) + head
            + String(repeating: " ", count: max(0, width - filled - 1)) + "]"
    }
}
