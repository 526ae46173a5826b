import Backplane
import Logging
import Redis

@testable import Relay

/// What a relay on these channels counts. It never runs.
func makeParts(_ channels: [String] = ["chat"]) throws -> RelayParts {
    RelayParts(
        RelayConfiguration(
            redis: try RedisConfiguration(connectionString: "redis://127.0.0.1:1"),
            backplanes: channels.map { .signalR2(key: $0) }, version: "1", hostName: "h"),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
}
