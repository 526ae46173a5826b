import Dispatch
import NIOConcurrencyHelpers
import UnixSignals

/// Ctrl-C as a command takes it that has to put things in order first: somebody may wait for one, and one that nobody
/// waits for cancels the work.
final class Interrupts: Sendable {
    private struct State {
        var waiting: CheckedContinuation<Void, Never>?
        var cancel: (@Sendable () -> Void)?
        /// One came while nobody waited for it and there was nothing to cancel.
        var isDue = false
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

    /// Waits for the next one, or until the task is cancelled.
    func next() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isNow = state.withLockedValue { state in
                    defer { state.isDue = false }
                    // Under the lock that the handler takes: it finds the continuation, or comes before this.
                    if state.isDue || Task.isCancelled { return true }
                    state.waiting = continuation
                    return false
                }
                if isNow { continuation.resume() }
            }
        } onCancel: {
            state.withLockedValue { $0.waiting.take() }?.resume()
        }
    }

    /// Runs `body`, which the next interrupt that nobody waits for cancels.
    ///
    /// - Parameters:
    ///   - patience: how long cancelled work may take to end.
    ///   - giveUp: ends the process when it takes longer.
    /// - Returns: nil if it was cancelled.
    func run<Value: Sendable>(
        patience: Duration = .seconds(7), orGiveUp giveUp: (@Sendable () -> Void)? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let work = Task { try await body() }
        let cancel = { @Sendable () -> Void in
            work.cancel()
            guard let giveUp else { return }
            // Not as a task: whatever keeps the work from its end may keep the threads of all tasks.
            DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Int(patience.components.seconds))) {
                StandardError.print("did not end in order within \(patience.components.seconds) s and gives up")
                giveUp()
            }
        }
        let isDue = state.withLockedValue { state in
            state.cancel = cancel
            defer { state.isDue = false }
            return state.isDue
        }
        if isDue { cancel() }
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
            if state.cancel == nil { state.isDue = true }
            return (state.waiting, state.cancel)
        }
        cancel?()
        waiting?.resume()
    }

    private func arrived() {
        if let waiting = state.withLockedValue({ $0.waiting.take() }) {
            waiting.resume()
        } else {
            cancel()
        }
    }
}
