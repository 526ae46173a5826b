import Check
import Demo
import JSON
import Loopback
import SignalRClient
import Synchronization

/// Stores the events of a client, and can wait for one.
final class EventLog: Sendable {
    private struct State {
        var events: [SignalRClientEvent] = []
        var waiting: (matches: @Sendable ([SignalRClientEvent]) -> Bool, promise: CheckedContinuation<Bool, Never>)?
    }

    private let state = Mutex(State())

    var events: [SignalRClientEvent] { state.withLock { $0.events } }

    /// The last arguments of all invocations of a method.
    func texts(_ method: String) -> [String] { Self.texts(method, events) }

    private static func texts(_ method: String, _ events: [SignalRClientEvent]) -> [String] {
        events.compactMap { event in
            guard case .invocation(let invocation) = event, invocation.method == method else { return nil }
            return invocation.arguments.last?.string
        }
    }

    var states: [SignalRClientState] {
        events.compactMap { if case .stateChanged(let state) = $0 { state } else { nil } }
    }

    func add(_ event: SignalRClientEvent) {
        state.withLock { state in
            state.events.append(event)
            if let waiting = state.waiting, waiting.matches(state.events) {
                state.waiting = nil
                waiting.promise.resume(returning: true)
            }
        }
    }

    /// - Returns: false on timeout after 10 s.
    func wait(until matches: @escaping @Sendable ([SignalRClientEvent]) -> Bool) async -> Bool {
        let timer = Task {
            try await Task.sleep(for: .seconds(10))
            state.withLock { state in
                state.waiting?.promise.resume(returning: false)
                state.waiting = nil
            }
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { promise in
            state.withLock { state in
                if matches(state.events) {
                    promise.resume(returning: true)
                } else {
                    state.waiting = (matches, promise)
                }
            }
        }
    }

    func wait(for text: String, in method: String = "broadcastMessage") async -> Bool {
        await wait { Self.texts(method, $0).contains(text) }
    }
}
