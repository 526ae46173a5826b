import Capture

/// A ``RateProfile`` as two lines of text: bars in eighths, and marks below spans with holes.
struct Sparkline {
    private static let bars: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let hole: Character = "×"

    /// Empty spans are blank; spans with little have the lowest bar.
    let bars: String
    /// A mark below each bar where something is missing; empty if nothing is missing.
    let marks: String
    /// The value of the highest bar.
    let peakPerSecond: Double

    /// - Parameter width: columns, at least 1; the maximum number of spans drawn.
    init(_ profile: RateProfile, width: Int) {
        let step = max(1, (profile.counts.count + width - 1) / width)
        let starts = stride(from: 0, to: profile.counts.count, by: step)
        let counts = starts.map { profile.counts[$0..<min($0 + step, profile.counts.count)].reduce(0, +) }
        let holes = starts.map { profile.holes[$0..<min($0 + step, profile.holes.count)].contains(true) }
        let peak = counts.max() ?? 0
        bars = String(
            counts.map { count in
                Self.bars[count == 0 ? 0 : max(1, (count * (Self.bars.count - 1) + peak - 1) / peak)]
            })
        var line = holes.map { $0 ? Self.hole : " " }
        while line.last == " " { line.removeLast() }
        marks = String(line)
        peakPerSecond = Double(peak) / (profile.seconds * Double(step))
    }
}
