import NIOCore
import Synchronization

/// One attempt to connect that can be broken off at once: while a name is looked up, or a connection is waited for.
final class DialAttempt: Sendable {
    private struct State {
        var opened: [any Channel] = []
        var isOver = false
    }

    private let promise: EventLoopPromise<any Channel>
    private let state = Mutex(State())

    init(on loop: any EventLoop) {
        promise = loop.makePromise()
    }

    /// Waits for the channel.
    ///
    /// - Parameter connect: starts the attempt; calls ``opened(_:)`` for each channel it makes.
    func run(_ connect: () -> EventLoopFuture<any Channel>) async throws -> any Channel {
        connect().whenComplete { self.finish($0) }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            cancel()
        }
    }

    /// A socket exists, not yet connected.
    func opened(_ channel: any Channel) throws {
        let isOver = state.withLock { state in
            if !state.isOver { state.opened.append(channel) }
            return state.isOver
        }
        if isOver { throw CancellationError() }
    }

    private func finish(_ result: Result<any Channel, any Error>) {
        if end() != nil {
            promise.completeWith(result)
        } else if case .success(let channel) = result {
            // Too late: nobody waits for it any more.
            channel.close(promise: nil)
        }
    }

    private func cancel() {
        guard let channels = end() else { return }
        for channel in channels { channel.close(promise: nil) }
        promise.fail(CancellationError())
    }

    /// - Returns: nil if it was over before.
    private func end() -> [any Channel]? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            defer { state = State(isOver: true) }
            return state.opened
        }
    }
}
