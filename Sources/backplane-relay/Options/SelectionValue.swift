import ArgumentParser
import Backplane
import Capture
import Time

/// Parses the values of the options that select envelopes. Errors name the remedy.
enum SelectionValue {
    /// `2026-11-22T21:58:00Z`, `2026-11-22 21:58` and `2026-11-22` (in local time), `21:58` (by the clock here), `-15m`
    /// (before the end), `+30s` (after the start).
    static func time(_ text: String) throws -> TimePoint {
        if let sign = text.first, sign == "-" || sign == "+", let span = TimeSpan(argument: String(text.dropFirst())) {
            return sign == "-" ? .beforeEnd(span.nanoseconds) : .afterStart(span.nanoseconds)
        }
        if let time = UTCTime.parse(text) ?? LocalTime.parse(text) { return .at(time) }
        guard let clock = LocalTime.clock(text) else {
            throw ValidationError(
                "'\(text)' is not a time; write 2026-11-22T21:58:00Z, or '2026-11-22 21:58', 2026-11-22 or 21:58 (in local "
                    + "time), or -15m (before the end), or +30s (behind the start)")
        }
        return .clock(clock)
    }

    /// `10%`, `0.5`: percent.
    static func percent(_ text: String) throws -> Double {
        let number = text.hasSuffix("%") ? String(text.dropLast()) : text
        guard let percent = Double(number), percent > 0, percent <= 100 else {
            throw ValidationError("'\(text)' is not a share; write a percentage above 0 and up to 100, such as 10%")
        }
        return percent
    }

    static func kind(_ text: String) throws -> EnvelopeKind {
        guard let kind = EnvelopeKind.allCases.first(where: { $0.label == text.lowercased() }) else {
            let labels = EnvelopeKind.allCases.map(\.label).joined(separator: ", ")
            throw ValidationError("'\(text)' is not a kind of message; use one of \(labels)")
        }
        return kind
    }

    static func id(_ text: String) throws -> UInt64 {
        guard let id = UInt64(text) else {
            throw ValidationError(
                "'\(text)' is not an id; write the number in front of the envelope, as 'cat' shows it")
        }
        return id
    }

    /// A text of at least one character: an empty one would select nothing, or all.
    static func text(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("an empty text selects nothing; leave the option out") }
        return text
    }
}
