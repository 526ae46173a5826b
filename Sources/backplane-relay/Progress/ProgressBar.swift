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

/// When to show progress: not in the first second, which suffices for most operations, then ten times a second.
struct ProgressPace: Sendable {
    static let delay: UInt64 = 1_000_000_000
    static let interval: UInt64 = 100_000_000

    private var nextAt: UInt64

    /// - Parameter start: monotonic, in nanoseconds.
    init(start: UInt64) {
        nextAt = start + Self.delay
    }

    /// Whether to show progress now.
    mutating func admit(at now: UInt64) -> Bool {
        guard now >= nextAt else { return false }
        nextAt = now + Self.interval
        return true
    }
}

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
