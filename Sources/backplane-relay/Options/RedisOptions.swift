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
            or the StackExchange.Redis string from Startup.cs or Program.cs.
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
        // A relay and a node count it too.
        configuration.observer = RedisObserver { $0.log(to: logger) }
        for warning in connection.warnings(for: configuration) { logger.warning("\(warning)") }
        if configuration.password != nil,
            ProcessInfo.processInfo.environment[EnvironmentOptions.prefix + "REDIS"] == nil
        {
            logger.warning("the password of --redis was visible in the process list; use BACKPLANE_RELAY_REDIS instead")
        }
        return configuration
    }
}

/// How to connect to the Redis at an address given by another option.
struct RedisConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate authorities to trust, instead of the system's. Needs TLS.", valueName: "file"))
    var redisCaFile: String?

    @Option(help: ArgumentHelp("PEM file with the client certificate for Redis. Needs TLS.", valueName: "file"))
    var redisCertFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM file with the key of --redis-cert-file, if that file does not contain it.", valueName: "file"))
    var redisKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "Name that the certificate of Redis must match, instead of the host's. Needs TLS.", valueName: "name"))
    var redisServerName: String?

    @Flag(
        help: "Accept any certificate. Anyone on the network path can then read and change everything. For tests only."
    )
    var redisInsecure = false

    @Option(
        help: ArgumentHelp(
            "File with the password. It is read again for each connection and every 2 s; a changed password is sent over open connections.",
            valueName: "file"))
    var redisPasswordFile: String?

    func validate() throws {
        if redisKeyFile != nil, redisCertFile == nil {
            throw ValidationError("--redis-key-file: its certificate is missing, --redis-cert-file")
        }
    }

    /// The address with these options applied.
    ///
    /// - Parameter option: the option of the address, for errors. They do not repeat the address, which may contain a password.
    func configuration(of address: String, option: String) throws -> RedisConfiguration {
        var configuration: RedisConfiguration
        do {
            configuration = try RedisConfiguration(
                connectionString: address, passwordFile: redisPasswordFile.map { PasswordFile(path: $0) })
        } catch {
            throw ValidationError("\(option): \(error.description)")
        }
        let tlsOptions = [
            ("--redis-ca-file", redisCaFile != nil), ("--redis-cert-file", redisCertFile != nil),
            ("--redis-server-name", redisServerName != nil), ("--redis-insecure", redisInsecure),
        ]
        guard var tls = configuration.tls else {
            if let (name, _) = tlsOptions.first(where: { $0.1 }) {
                throw ValidationError(
                    "\(name): the address of \(option) does not use TLS; write rediss://, rediss+sentinel:// or ssl=true"
                )
            }
            return configuration
        }
        tls.caFile = redisCaFile
        tls.certificateFile = redisCertFile
        tls.keyFile = redisKeyFile
        if let redisServerName { tls.serverName = redisServerName }
        tls.verifiesServer = !redisInsecure
        configuration.tls = tls
        return configuration
    }

    /// Warnings to log before the first connection.
    func warnings(for configuration: RedisConfiguration) -> [String] {
        var warnings = configuration.warnings
        if let warning = configuration.passwordFile?.warning { warnings.append(warning) }
        if configuration.tls?.verifiesServer == false {
            warnings.append(
                "--redis-insecure: THE SERVER'S IDENTITY IS NOT CHECKED: anyone on the network path can read and change everything, including the password"
            )
        }
        return warnings
    }
}
