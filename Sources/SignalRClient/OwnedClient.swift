/// A client whose owner waits until it is connected. What clients of both generations have in common.
protocol OwnedClient: Actor {
    associatedtype Input: Sendable

    /// Ends the connection.
    static var stopInput: Input { get }

    /// Waits for `start()` or `reconnect()`.
    var owner: CheckedContinuation<Void, any Error>? { get set }

    /// Passes the input to the client's state machine, and performs its actions.
    func handle(_ input: Input)
}

extension OwnedClient {
    func requireNoOwner() throws {
        guard owner == nil else { throw SignalRClientError.misuse("start() or reconnect() is still under way") }
    }

    /// Returns once the state machine has reported success (``settleOwner(_:)``).
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`, and the client is stopped.
    func settle(_ input: Input) async throws {
        try requireNoOwner()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                owner = continuation
                handle(input)
            }
        } onCancel: {
            Task { await self.cancelOwner() }
        }
    }

    private func cancelOwner() {
        guard let owner else { return }
        self.owner = nil
        handle(Self.stopInput)
        owner.resume(throwing: CancellationError())
    }

    func settleOwner(_ result: Result<Void, any Error>) {
        owner?.resume(with: result)
        owner = nil
    }
}
