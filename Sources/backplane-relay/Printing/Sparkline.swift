import Capture

/// A ``RateProfile`` as two lines of a terminal: bars of eighths, and marks below what has holes.
struct Sparkline {
    private static let bars: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let hole: Character = "×"

    /// Spans that hold something; one that holds nothing is blank, one that holds little has the lowest bar.
    let bars: String
    /// Below each bar, whether something is missing there; empty if nothing is anywhere.
    let marks: String
    /// The highest bar.
    let peakPerSecond: Double

    /// - Parameter width: in columns, at least 1; that many spans or fewer are drawn.
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
