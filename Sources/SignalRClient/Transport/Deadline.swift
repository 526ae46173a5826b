package import NIOCore

/// Adds a time limit.
package enum Deadline {
    /// Runs `operation`, and cancels it after `timeout`.
    ///
    /// - Throws: `expired` on timeout; errors of `operation`.
    package static func run<Value: Sendable>(
        within timeout: Duration, on loop: any EventLoop, expired: any Error,
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task { try await operation() }
        let timer = loop.scheduleTask(in: TimeAmount(timeout)) { task.cancel() }
        defer { timer.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch {
            throw task.isCancelled && !Task.isCancelled ? expired : error
        }
    }
}
