import Backplane
import NIOConcurrencyHelpers
import Redis
import Relay
import Synchronization

/// Samples a few envelopes per second for the live feed, on the recorder's thread.
///
/// Without an open page it costs one flag check per batch. Otherwise it reads the first envelopes of a batch and takes
/// as many as the budget allows; the page says that the feed is a sample.
final class EnvelopeSampler: Sendable {
    private struct State {
        /// By channel index: envelopes that may be taken until the next refill.
        var budget: [Int]
        /// By channel index.
        var forms: [EnvelopeForm]
        var taken: [SampledEnvelope] = []
    }

    /// Envelopes per channel between two refills.
    static let share = 2
    /// Envelopes of a batch that are considered.
    static let lookedAt = 64
    /// Maximum number of envelopes waiting for ``take()``.
    static let limit = 64

    private let isWanted = Atomic(false)
    private let state: NIOLockedValueBox<State>

    /// - Parameter forms: of the initial channels, by channel index.
    init(forms: [EnvelopeForm]) {
        state = NIOLockedValueBox(State(budget: Array(repeating: 0, count: forms.count), forms: forms))
    }

    /// Adds channels attached since; envelopes of other channels are not sampled.
    ///
    /// - Parameter forms: of all channels, by channel index.
    func know(_ forms: [EnvelopeForm]) {
        state.withLockedValue { state in
            guard forms.count > state.forms.count else { return }
            state.budget += Array(repeating: Self.share, count: forms.count - state.forms.count)
            state.forms = forms
        }
    }

    /// Whether any page is open.
    func want(_ wanted: Bool) {
        isWanted.store(wanted, ordering: .relaxed)
    }

    /// Called on the recorder's thread.
    @inline(__always)
    func offer(_ batch: EnvelopeBatch) {
        guard isWanted.load(ordering: .relaxed) else { return }
        sample(batch)
    }

    private func sample(_ batch: EnvelopeBatch) {
        state.withLockedValue { state in
            guard state.budget.contains(where: { $0 > 0 }) else { return }
            batch.forEach(first: Self.lookedAt) { channel, receivedAt, payload in
                guard state.budget.indices.contains(channel), state.budget[channel] > 0, state.taken.count < Self.limit
                else { return }
                state.budget[channel] -= 1
                state.taken.append(
                    SampledEnvelope(payload, state.forms[channel], channel: channel, receivedAt: receivedAt))
            }
        }
    }

    /// Envelopes taken since the last call; refills the budget.
    func take() -> [SampledEnvelope] {
        state.withLockedValue { state in
            defer { state.taken = [] }
            for channel in state.budget.indices { state.budget[channel] = Self.share }
            return state.taken
        }
    }
}
