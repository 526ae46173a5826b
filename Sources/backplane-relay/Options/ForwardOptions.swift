import ArgumentParser
import Backplane
import Forward
import FoundationEssentials
import Logging
import NIOPosix
import Redis
import Relay
import Time

/// Live forwarding to another Redis.
struct ForwardOptions: ParsableArguments {
    @Option(
        help:
            ArgumentHelp(
                "Publish every envelope into this Redis too, live, under ids of that Redis. An address as for --redis.",
                valueName: "url"))
    var forward: String?

    @Option(
        help: ArgumentHelp(
            "Forward to this event key instead of the one that an envelope comes from.", valueName: "key"))
    var forwardChannel: String?

    @Option(
        help: ArgumentHelp(
            "Forward hubs of ASP.NET Core under another channel prefix; either may be empty. Repeat it for more.",
            valueName: "old=new"))
    var forwardMapPrefix: [String] = []

    @Option(
        help: ArgumentHelp(
            "Forward a hub of ASP.NET Core under another full type name. Repeat it for more.",
            valueName: "old=new"))
    var forwardMapHub: [String] = []

    @Option(
        help: ArgumentHelp(
            "Forward messages for a group of an ASP.NET Core hub to another group. Repeat it for more.",
            valueName: "old=new"))
    var forwardMapGroup: [String] = []

    @Option(
        help: ArgumentHelp(
            "Forward messages for a user of an ASP.NET Core hub to another user. Repeat it for more.",
            valueName: "old=new"))
    var forwardMapUser: [String] = []

    @Option(
        help: ArgumentHelp(
            "Memory for envelopes that wait for the forward target; when it is full, new ones are dropped.",
            valueName: "size"))
    var forwardBuffer = ByteSize(bytes: 16 << 20)

    @Option(
        help: ArgumentHelp(
            "File with the password of the forward target. It is read again like --redis-password-file.",
            valueName: "file"))
    var forwardPasswordFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate authorities to trust for the forward target, instead of the system's. Needs TLS.",
            valueName: "file"))
    var forwardCaFile: String?

    func validate() throws {
        guard forward != nil else {
            for (name, isGiven) in [
                ("--forward-channel", forwardChannel != nil), ("--forward-map-prefix", !forwardMapPrefix.isEmpty),
                ("--forward-map-hub", !forwardMapHub.isEmpty), ("--forward-map-group", !forwardMapGroup.isEmpty),
                ("--forward-map-user", !forwardMapUser.isEmpty),
                ("--forward-password-file", forwardPasswordFile != nil),
                ("--forward-ca-file", forwardCaFile != nil),
            ] where isGiven {
                throw ValidationError("\(name): nothing is forwarded without --forward")
            }
            return
        }
        try forwardBuffer.require(
            atLeast: ByteSize(bytes: 1 << 20), "--forward-buffer",
            because: "\(Format.count(forwardBuffer.bytes, "byte holds", "bytes hold")) too few envelopes")
        if forwardChannel?.isEmpty == true { throw ValidationError("--forward-channel: name an event key") }
        _ = try route
        _ = try target()
    }

    private var route: ForwardRoute {
        get throws {
            ForwardRoute(
                channel: forwardChannel,
                renaming: CoreRenaming(
                    prefixes: try MappingOptions.pairs(
                        forwardMapPrefix, option: "--forward-map-prefix", mayBeEmpty: true),
                    hubs: try MappingOptions.pairs(forwardMapHub, option: "--forward-map-hub"),
                    groups: try MappingOptions.pairs(forwardMapGroup, option: "--forward-map-group"),
                    users: try MappingOptions.pairs(forwardMapUser, option: "--forward-map-user")))
        }
    }

    /// Looks at the target.
    ///
    /// - Parameters:
    ///   - hubs: hubs of ASP.NET Core known so far.
    ///   - patience: the longest wait for each answer, in milliseconds; nil for the timeouts in the addresses.
    /// - Returns: nil if nothing is forwarded.
    func look(
        from source: RedisConfiguration, channels: [String], hubs: [CoreHub] = [], patience: Int64? = nil
    ) async throws -> ForwardCheck.Report? {
        guard var target = try target() else { return nil }
        var source = source
        if let patience {
            source.shorten(to: patience)
            target.shorten(to: patience)
        }
        let all = channels.map { BackplaneChannel.signalR2(key: $0) } + hubs.map { .core($0) }
        return await ForwardCheck(from: source, to: target, channels: all, route: try route)
            .look(eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    static func sentence(of problem: any Error) -> String {
        "--forward: " + OptionNames.explained(problem, address: .forward)
    }

    /// Before the start: a problem that only another configuration solves ends the command. Later it would only stop the
    /// forwarding.
    func requireTarget(from source: RedisConfiguration, channels: [String], hubs: [CoreHub] = []) async throws {
        let report = try await look(from: source, channels: channels, hubs: hubs, patience: 2_000)
        guard let problem = report?.problem else { return }
        if (problem as? RedisError)?.isTransient ?? (problem is CancellationError) { return }
        throw ExplainedError(Self.sentence(of: problem))
    }

    /// - Parameters:
    ///   - source: the relay's; its observer is notified of the target's logins too.
    ///   - context: of the relay that provides the events.
    /// - Returns: nil if nothing is forwarded.
    func forwarder(from source: RedisConfiguration, context: RelayContext) throws -> Forwarder? {
        guard var target = try target() else { return nil }
        target.observer = source.observer?.ofLogins
        let logger = context.logger
        for warning in target.warnings { logger.warning("--forward: \(warning)") }
        if let warning = target.passwordFile?.warning { logger.warning("\(warning)") }
        if target.password != nil, ProcessInfo.processInfo.environment[EnvironmentOptions.prefix + "FORWARD"] == nil {
            logger.warning(
                "the password of --forward was visible in the process list; use BACKPLANE_RELAY_FORWARD instead")
        }
        return Forwarder(
            from: source, to: target, route: try route, bufferBytes: forwardBuffer.bytes, context: context)
    }

    private func target() throws -> RedisConfiguration? {
        guard let forward else { return nil }
        var target: RedisConfiguration
        do {
            target = try RedisConfiguration(
                connectionString: forward, passwordFile: forwardPasswordFile.map { PasswordFile(path: $0) })
        } catch {
            throw ValidationError("--forward: \(error.description)")
        }
        if let forwardCaFile {
            guard target.tls != nil else {
                throw ValidationError("--forward-ca-file: the address of --forward does not use TLS; write rediss://")
            }
            target.tls?.caFile = forwardCaFile
        }
        target.clientName += "-forward"
        return target
    }
}

extension RedisConfiguration {
    mutating func shorten(to milliseconds: Int64) {
        connectTimeoutMilliseconds = min(connectTimeoutMilliseconds, milliseconds)
        answerTimeoutMilliseconds = min(answerTimeoutMilliseconds, milliseconds)
    }
}
