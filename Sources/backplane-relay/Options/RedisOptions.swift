import ArgumentParser
import FoundationEssentials
import Logging
import Redis

/// The address of the Redis of the backplane, and how to connect to it.
struct RedisOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            redis://[user:password@]host:port/db, rediss:// (TLS), unix:///path, redis+sentinel://host:port,host/master, \
            or the StackExchange.Redis string from Startup.cs.
            """, valueName: "url"))
    var redis: String

    @OptionGroup var connection: RedisConnectionOptions

    func validate() throws {
        _ = try connection.configuration(of: redis, option: "--redis")
    }

    /// Resolves the options and logs warnings, also if a password in `--redis` is on the command line, where every user
    /// of this machine can read it.
    ///
    /// - Parameters:
    ///   - backplanes: watched there; nil for a command that watches nothing.
    ///   - listsHubs: true if the command lists hubs of ASP.NET Core with their prefixes and watches nothing.
    func configuration(
        logger: Logger, watching backplanes: WatchedBackplanes? = nil, listsHubs: Bool = false
    ) throws -> RedisConfiguration {
        var configuration = try connection.configuration(of: redis, option: "--redis")
        if listsHubs { configuration = configuration.usingChannelPrefix(besidesSignalR2: false) }
        if let backplanes, backplanes.core.isGiven {
            configuration = configuration.usingChannelPrefix(besidesSignalR2: !backplanes.channels.isEmpty)
        }
        for warning in connection.warnings(for: configuration) { logger.warning("\(warning)") }
        if configuration.password != nil,
            ProcessInfo.processInfo.environment[EnvironmentOptions.prefix + "REDIS"] == nil
        {
            logger.warning("the password of --redis was visible in the process list; use BACKPLANE_RELAY_REDIS instead")
        }
        return configuration
    }
}
