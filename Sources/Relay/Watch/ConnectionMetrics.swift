import Logging
import Prometheus
import Redis

/// Metrics of the connections to Redis: how long it takes to answer, and whether it accepts changed passwords.
struct ConnectionMetrics: Sendable {
    /// For a command that is not in the list.
    private static let other = "other"
    /// Redis answers within tens of microseconds; a second is an outage.
    private static let buckets = [0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1, 5]

    private let durations: [String: Histogram]
    private let renewals: [String: Counter]
    private let logger: Logger

    /// Registers the metrics; every series starts at 0.
    init(_ registry: Registry, logger: Logger) {
        self.logger = logger
        let seconds = registry.histogramFamily(
            "backplane_relay_redis_command_seconds",
            help:
                "Time from sending a command to its reply, on all connections to the watched Redis. The label command is the name in INFO commandstats, or other. A transaction counts as multi and exec. REPLCONF ACK has no reply and is not included.",
            labels: ["command"], buckets: Self.buckets)
        durations = Dictionary(
            uniqueKeysWithValues: (AskedCommand.allCases.map(\.rawValue) + [Self.other]).map { ($0, seconds.with($0)) })
        let logins = registry.counterFamily(
            "backplane_relay_credential_renewals_total", help: LoginNews.help, labels: ["result"])
        renewals = Dictionary(uniqueKeysWithValues: LoginNews.labels.map { ($0, logins.with($0)) })
    }

    /// For the connections to the watched Redis.
    var observer: RedisObserver {
        RedisObserver(
            answered: { command, nanoseconds in
                durations[command?.rawValue ?? Self.other]?.observe(Double(nanoseconds) * 1e-9)
            }, loggedIn: observe)
    }

    private func observe(_ news: LoginNews) {
        renewals[news.label]?.increment()
        news.log(to: logger)
    }
}
