import Synchronization

/// Some thousand envelopes per second, for as long as a test wants.
package final class Traffic: Sendable {
    /// Envelopes per burst, and the pause after they are confirmed.
    private static let burst = 20
    private static let pause = Duration.milliseconds(4)

    private let published = Mutex<[NodePublisher.Published]>([])
    private let publishing = Mutex<Task<Void, any Error>?>(nil)

    package init(_ publisher: NodePublisher) {
        let task = Task { [weak self] in
            while !Task.isCancelled {
                let burst = try await publisher.publish(Self.burst)
                guard let self else { return }
                self.published.withLock { $0 += burst }
                try? await Task.sleep(for: Self.pause)
            }
        }
        publishing.withLock { $0 = task }
    }

    package var count: Int { published.withLock { $0.count } }

    /// Stops it.
    ///
    /// - Returns: everything published, in the order of ids.
    /// - Throws: ``TestFailure`` if Redis refused a publication.
    package func stop() async throws -> [NodePublisher.Published] {
        let task = publishing.withLock { $0 }
        task?.cancel()
        try await task?.value
        return published.withLock { $0 }
    }
}
