import Logging

/// A log handler that passes each message to a stream, for a test that waits for one.
struct LogCollector: LogHandler {
    let messages: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() {
        (messages, continuation) = AsyncStream.makeStream()
    }

    /// A logger whose messages are collected here.
    var logger: Logger { Logger(label: "test") { _ in self } }

    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        continuation.yield("\(event.message) \(event.metadata ?? [:])")
    }
}
