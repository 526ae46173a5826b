import CLinux
import NIOConcurrencyHelpers
import Replay

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
