import Logging

/// Writes each event as one line into a ``LogDestination``.
struct LineLogHandler: LogHandler {
    let destination: LogDestination
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(destination: LogDestination, logLevel: Logger.Level) {
        self.destination = destination
        self.logLevel = logLevel
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        destination.write(
            level: event.level, message: "\(event.message)",
            metadata: all.sorted { $0.key < $1.key }.map { (key: $0.key, value: "\($0.value)") })
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}
