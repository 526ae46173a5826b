import NIOConcurrencyHelpers

/// What an operator may ask of a running relay, from any thread; nothing happens while it does not run.
final class RelayControls: Sendable {
    enum Request: Sendable {
        /// Close the segment, begin the next, read secrets and certificates again.
        case rotate
        /// Write what waits, and force it to the disk.
        case flush
        /// One line of figures in the log.
        case logStatistics
    }

    private let handler = NIOLockedValueBox<(@Sendable (Request) -> Void)?>(nil)

    func connect(_ body: @escaping @Sendable (Request) -> Void) {
        handler.withLockedValue { $0 = body }
    }

    func disconnect() {
        handler.withLockedValue { $0 = nil }
    }

    func send(_ request: Request) {
        handler.withLockedValue { $0 }?(request)
    }
}
