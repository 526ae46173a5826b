import Backplane
import CLinux
import Capture
import NIOConcurrencyHelpers
import Replay
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Keys and progress line of a replay on a terminal. Not used in a pipe.
final class ReplayTerminal: Sendable {
    private static let interval = Duration.milliseconds(100)

    private let control: ReplayControl
    private let line: ReplayLine
    private let isOver = NIOLockedValueBox(false)

    /// - Returns: nil without a terminal, or in the background.
    static func start(_ control: ReplayControl, line: ReplayLine) -> ReplayTerminal? {
        // Ctrl-C and Ctrl-Z stay signals.
        guard StandardInput.isTerminal, StandardError.isTerminal, clinux_take_keys(STDIN_FILENO) == 0 else {
            return nil
        }
        let terminal = ReplayTerminal(control, line: line)
        terminal.follow()
        return terminal
    }

    private init(_ control: ReplayControl, line: ReplayLine) {
        self.control = control
        self.line = line
    }

    /// Original settings of the terminal.
    func finish() {
        isOver.withLockedValue { isOver in
            guard !isOver else { return }
            isOver = true
            clinux_give_keys_back()
            StandardError.write("\r\u{1B}[K")
        }
    }

    private func follow() {
        Task.detached { [self] in
            var line = line
            while true {
                while let key = Self.pendingKey() { pressed(key) }
                let isOver = isOver.withLockedValue { isOver in
                    // In the background the line would be mixed with the output of other processes.
                    if !isOver, clinux_has_keys() == 1 {
                        let text = line.text(control.position, width: StandardError.width - 1)
                        StandardError.write("\r" + text + "\u{1B}[K")
                    }
                    return isOver
                }
                if isOver { return }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Does not wait for a key.
    private static func pendingKey() -> UInt8? {
        var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        var key: UInt8 = 0
        guard clinux_has_keys() == 1, poll(&ready, 1, 0) > 0, read(STDIN_FILENO, &key, 1) == 1 else { return nil }
        return key
    }

    private func pressed(_ key: UInt8) {
        switch key {
        case UInt8(ascii: " "): control.togglePause()
        case UInt8(ascii: "."): control.step()
        case UInt8(ascii: "+"), UInt8(ascii: "="): control.changeSpeed(by: 2)
        case UInt8(ascii: "-"): control.changeSpeed(by: 0.5)
        case UInt8(ascii: "q"): control.stop()
        default: break
        }
    }
}

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
