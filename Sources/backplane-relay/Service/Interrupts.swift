import NIOConcurrencyHelpers
import UnixSignals

/// Ctrl-C as a command takes it that has to put things in order first: somebody may wait for one, and one that nobody
/// waits for cancels the work.
final class Interrupts: Sendable {
    private struct State {
        var waiting: CheckedContinuation<Void, Never>?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = NIOLockedValueBox(State())

    /// From now on SIGINT and SIGTERM do not end the process by themselves.
    ///
    /// - Parameter hangup: SIGHUP neither, where something would be left behind by a terminal that is closed.
    static func trapped(hangup: Bool = false) async -> Interrupts {
        let interrupts = Interrupts()
        let signals =
            hangup
            ? await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
            : await UnixSignalsSequence(trapping: .sigint, .sigterm)
        Task {
            for await _ in signals { interrupts.arrived() }
        }
        return interrupts
    }

    /// Waits for the next one.
    func next() async {
        await withCheckedContinuation { continuation in
            state.withLockedValue { $0.waiting = continuation }
        }
    }

    /// Runs `body`, which the next interrupt that nobody waits for cancels.
    ///
    /// - Parameters:
    ///   - patience: how long cancelled work may take to end.
    ///   - giveUp: ends the process when it takes longer.
    /// - Returns: nil if it was cancelled.
    func run<Value: Sendable>(
        patience: Duration = .seconds(10), orGiveUp giveUp: (@Sendable () -> Void)? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let work = Task { try await body() }
        state.withLockedValue {
            $0.cancel = {
                work.cancel()
                guard let giveUp else { return }
                Task.detached {
                    try await Task.sleep(for: patience)
                    giveUp()
                }
            }
        }
        do {
            return try await work.value
        } catch  where work.isCancelled {
            return nil
        }
    }

    /// Cancels the work, whether somebody waits for an interrupt or not.
    func cancel() {
        let (waiting, cancel) = state.withLockedValue { state in
            defer { state.waiting = nil }
            return (state.waiting, state.cancel)
        }
        cancel?()
        waiting?.resume()
    }

    private func arrived() {
        let (waiting, cancel) = state.withLockedValue { state in
            defer { state.waiting = nil }
            return (state.waiting, state.cancel)
        }
        if let waiting {
            waiting.resume()
        } else {
            cancel?()
        }
    }
}
