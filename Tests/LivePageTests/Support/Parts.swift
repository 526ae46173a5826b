import Backplane
import Logging
import Preflight
import Redis

@testable import Relay

/// The metrics of a relay on these channels, which never runs.
///
/// - Parameter hubs: of ASP.NET Core, present from the start.
func makeParts(
    _ channels: [String] = ["chat"], hubs: [CoreHub] = [], core: CoreAttachment? = nil,
    payload: PayloadPolicy = PayloadPolicy()
) throws -> RelayParts {
    RelayParts(
        RelayConfiguration(
            redis: try RedisConfiguration(connectionString: "redis://127.0.0.1:1"),
            backplanes: channels.map { .signalR2(key: $0) } + hubs.map { .core($0) }, core: core, payload: payload,
            version: "1", hostName: "h"),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
}
