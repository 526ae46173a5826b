import NIOConcurrencyHelpers
import Replay

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A replay on a terminal: keys, and a line that says where it is. In a pipe there is none of it.
final class ReplayTerminal: Sendable {
    private static let interval = Duration.milliseconds(100)

    private let control: ReplayControl
    private let total: Int?
    private let saved: NIOLockedValueBox<termios>
    private let isOver = NIOLockedValueBox(false)

    /// - Returns: nil if there is no terminal.
    static func start(_ control: ReplayControl, forecast: ReplayForecast, rounds: Int?) -> ReplayTerminal? {
        guard StandardInput.isTerminal, StandardError.isTerminal else { return nil }
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
        let terminal = ReplayTerminal(control, forecast: forecast, rounds: rounds, saved: settings)
        // Keys come one by one, and unseen; Ctrl-C stays a signal.
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        terminal.follow()
        return terminal
    }

    private init(_ control: ReplayControl, forecast: ReplayForecast, rounds: Int?, saved: termios) {
        self.control = control
        total = rounds.map { $0 * forecast.envelopes }
        self.saved = NIOLockedValueBox(saved)
    }

    /// The terminal as it was.
    func finish() {
        isOver.withLockedValue { isOver in
            guard !isOver else { return }
            isOver = true
            saved.withLockedValue { _ = tcsetattr(STDIN_FILENO, TCSANOW, &$0) }
            StandardError.write("\r\u{1B}[K")
        }
    }

    private func follow() {
        Task.detached { [self] in
            var line = ReplayLine(total: total)
            while true {
                while let key = Self.pendingKey() { pressed(key) }
                let isOver = isOver.withLockedValue { isOver in
                    if !isOver { StandardError.write("\r" + line.text(control.position) + "\u{1B}[K") }
                    return isOver
                }
                if isOver { return }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Without waiting for one.
    private static func pendingKey() -> UInt8? {
        var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        var key: UInt8 = 0
        guard poll(&ready, 1, 0) > 0, read(STDIN_FILENO, &key, 1) == 1 else { return nil }
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
