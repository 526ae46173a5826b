import Backplane
import Capture
import Replay
import Time

/// The progress line of a replay: position, rate, lateness, time left.
struct ReplayLine: Sendable {
    private static let widestBar = 30
    private static let narrowestBar = 8

    /// Envelopes of all rounds; nil for no end.
    let total: Int?
    /// Total duration in nanoseconds; nil if unknown.
    let rated: UInt64?
    private var last: (at: UInt64, sent: Int)?
    private var rate = 0.0

    init(total: Int?, rated: UInt64? = nil) {
        self.total = total
        self.rated = rated
    }

    init(_ forecast: ReplayForecast, _ options: ReplayOptions) {
        let envelopes = options.rounds.map { $0.multipliedReportingOverflow(by: forecast.envelopes).partialValue }
        let total = options.limit.map { min($0, envelopes ?? $0) } ?? envelopes
        // With several rounds the pauses between them are added.
        self.init(total: total, rated: options.rounds == 1 ? forecast.ratedNanoseconds : nil)
    }

    /// - Parameter width: columns.
    mutating func text(
        _ position: ReplayControl.Position, width: Int, now: UInt64 = Moment.now().monotonic
    ) -> String {
        if let last, now > last.at {
            let latest = Double(position.sent - last.sent) / (Double(now - last.at) * 1e-9)
            // Slow enough to read.
            rate = rate == 0 ? latest : rate * 0.8 + latest * 0.2
        }
        last = (now, position.sent)
        var parts = [position.isPaused ? "paused" : "replay"]
        var share: Double?
        if let total, total > 0 {
            share = min(1, Double(position.sent) / Double(total))
            parts.append("\(Format.count(position.sent)) of \(Format.count(total))")
        } else {
            parts.append(Format.count(position.sent))
        }
        parts.append("\(Format.count(Int(rate)))/s")
        if position.factor != 1 { parts.append("speed x\(Format.decimal(position.factor, digits: 2))") }
        parts.append("late \(Format.decimal(Double(position.lateness) * 1e-6, digits: 2)) ms")
        if let left = left(position) { parts.append("\(Format.seconds(left)) left") }
        let line = parts.joined(separator: "  ")
        let room = width - line.count - 4
        if let share, room >= Self.narrowestBar {
            parts.insert(ProgressLine.bar(share, width: min(room, Self.widestBar)), at: 1)
        }
        return String(parts.joined(separator: "  ").prefix(max(0, width)))
    }

    /// Seconds; nil until an estimate is possible.
    private func left(_ position: ReplayControl.Position) -> Double? {
        guard !position.isPaused else { return nil }
        if let rated, position.factor == 1, position.offset > 0 {
            return Double(rated - min(rated, position.offset)) * 1e-9
        }
        guard let total, rate > 0, total > position.sent else { return nil }
        return Double(total - position.sent) / rate
    }
}
