import Loopback
import NIOConcurrencyHelpers

/// Observations of the counter during a check from two sources, each in order: envelopes on the channel, and the key.
final class CounterRecord: Sendable {
    private let state = NIOLockedValueBox((envelopes: CounterTrack(), readings: CounterTrack()))

    /// An envelope arrived; all use one subscription.
    func published(_ id: UInt64) {
        state.withLockedValue { $0.envelopes.observe(id) }
    }

    /// - Parameter value: nil if the key does not exist.
    func read(_ value: UInt64?) {
        state.withLockedValue { $0.readings.observe(value) }
    }

    /// Each reset once. Envelopes are more precise than readings, if there are any.
    var resets: [CounterReset] {
        state.withLockedValue { $0.envelopes.count >= $0.readings.count ? $0.envelopes.resets : $0.readings.resets }
    }

    /// As a sentence; nil if the counter only rose.
    static func text(of resets: [CounterReset], channel: String) -> String? {
        guard let first = resets.first else { return nil }
        let more = resets.count > 1 ? ", and again later (\(resets.count) times in all)" : ""
        let gone = first.to == 0 ? " (its key is gone)" : ""
        return
            "the counter of '\(channel)' was set back from \(first.from) to \(first.to)\(gone)\(more) during this check"
    }
}

/// Detects counter resets in ordered values of one source. No I/O.
struct CounterTrack: Equatable, Sendable {
    /// More would not be read.
    private static let kept = 10

    private(set) var resets: [CounterReset] = []
    /// Total number of resets, including those not kept.
    private(set) var count = 0
    private var last: UInt64?

    /// - Parameter value: an id, or the counter; nil if its key does not exist.
    mutating func observe(_ value: UInt64?) {
        defer { last = value ?? last.map { _ in 0 } }
        guard let last, (value ?? 0) < last else { return }
        count += 1
        if resets.count < Self.kept { resets.append(CounterReset(from: last, to: value ?? 0)) }
    }
}
