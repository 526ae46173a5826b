import Capture
import Replay

/// The line that says where a replay is: position, rate, lateness, time left.
struct ReplayLine {
    let total: Int?
    private var last: (at: UInt64, sent: Int)?
    private var rate = 0.0

    init(total: Int?) {
        self.total = total
    }

    mutating func text(_ position: ReplayControl.Position, now: UInt64 = Moment.now().monotonic) -> String {
        if let last, now > last.at {
            let latest = Double(position.sent - last.sent) / (Double(now - last.at) * 1e-9)
            // Calm enough to be read.
            rate = rate == 0 ? latest : rate * 0.8 + latest * 0.2
        }
        last = (now, position.sent)
        var parts = [position.isPaused ? "paused " : "replay ", Format.count(position.sent)]
        if let total, total > 0 {
            parts.append(" of \(Format.count(total)), \(min(100, position.sent * 100 / total)) %")
        }
        parts.append(", \(Format.count(Int(rate)))/s")
        if position.factor != 1 { parts.append(", speed x\(Format.decimal(position.factor, digits: 2))") }
        parts.append(", late \(Format.decimal(Double(position.lateness) * 1e-6, digits: 2)) ms")
        if let total, rate > 0, !position.isPaused, total > position.sent {
            parts.append(", \(Format.seconds(Double(total - position.sent) / rate)) left")
        }
        return parts.joined()
    }
}
