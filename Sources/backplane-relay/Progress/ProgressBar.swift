import Capture
import NIOConcurrencyHelpers
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Progress of a long operation on standard error, if that is a terminal: one line, cleared at the end.
///
/// ```swift
/// let bar = ProgressBar(label: "merge", total: bytes)
/// defer { bar.finish() }
/// ...
/// bar.update(done: position, detail: Format.count(envelopes, "envelope"))
/// ```
/// Thread-safe. Call ``finish()`` or ``clear()`` before writing anything else to standard error.
final class ProgressBar: Sendable {
    private struct State {
        var pace: ProgressPace
        var isDrawn = false
        var isFinished = false
    }

    private let label: String
    private let total: UInt64?
    private let start: UInt64
    private let isShown: Bool
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - total: in the unit of the updates; nil if unknown.
    ///   - printsMeanwhile: results are printed at the same time; on a terminal there is then no bar.
    init(label: String, total: UInt64?, printsMeanwhile: Bool = false) {
        self.label = label
        self.total = total
        start = Moment.now().monotonic
        isShown = StandardError.isTerminal && !(printsMeanwhile && StandardOutput.isTerminal)
        state = NIOLockedValueBox(State(pace: ProgressPace(start: start)))
    }

    /// Cheap if nothing is shown.
    ///
    /// - Parameter detail: evaluated only when the line is drawn.
    func update(done: UInt64, detail: @autoclosure () -> String = "") {
        guard isShown else { return }
        let now = Moment.now().monotonic
        state.withLockedValue { state in
            guard !state.isFinished, state.pace.admit(at: now) else { return }
            state.isDrawn = true
            let line = ProgressLine(
                label: label, done: done, total: total, detail: detail(), elapsed: Double(now - start) * 1e-9)
            // A line of the full width might make the terminal scroll.
            Self.write("\r" + line.text(width: StandardError.width - 1) + "\u{1B}[K")
        }
    }

    /// Clears the line, so that another one can be printed. Later updates draw it again.
    func clear() {
        state.withLockedValue { state in
            if state.isDrawn, !state.isFinished { Self.write("\r\u{1B}[K") }
            state.isDrawn = false
        }
    }

    /// Clears the line. Later updates do nothing.
    func finish() {
        state.withLockedValue { state in
            if state.isDrawn, !state.isFinished { Self.write("\r\u{1B}[K") }
            state.isFinished = true
        }
    }

    private static func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A failure to draw must not stop the operation.
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
