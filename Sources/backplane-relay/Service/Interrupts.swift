import Dispatch
import NIOConcurrencyHelpers
import UnixSignals

/// Handles Ctrl-C for commands with cleanup: an interrupt is delivered to a waiting task, or otherwise cancels the
/// work.
final class Interrupts: Sendable {
    private struct State {
        var waiting: CheckedContinuation<Void, Never>?
        var cancel: (@Sendable () -> Void)?
        /// An interrupt arrived while there was neither a waiting task nor work to cancel.
        var isDue = false
    }

    private let state = NIOLockedValueBox(State())

    /// Stops SIGINT and SIGTERM from ending the process directly.
    ///
    /// - Parameter hangup: SIGHUP too, if closing the terminal would leave something behind.
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

    /// Waits for the next interrupt, or until the task is cancelled.
    func next() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isNow = state.withLockedValue { state in
                    defer { state.isDue = false }
                    // Under the handler's lock: the handler finds the continuation, or ran before.
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

    /// Runs `body`, which is cancelled by the next interrupt that no task is waiting for.
    ///
    /// - Parameters:
    ///   - patience: how long cancelled work may take to end.
    ///   - giveUp: ends the process if it takes longer.
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
                StandardError.print("did not shut down cleanly within \(patience.components.seconds) s, giving up")
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

    /// Cancels the work, whether or not a task is waiting for an interrupt.
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
