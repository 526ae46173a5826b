import ArgumentParser
import FoundationEssentials
import HubNode
import Logging
import Redis

struct HubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub",
        abstract: "Run a SignalR node with a chat page, next to the application's own nodes.",
        discussion: """
            Examples:
              backplane-relay hub --redis redis://127.0.0.1:6379 --channel chat \\
                --listen 127.0.0.1:8080
              backplane-relay hub --redis redis://127.0.0.1:6379 --channel chat \\
                --listen 127.0.0.1:8081

            Open http://127.0.0.1:8080/ and http://127.0.0.1:8081/ in two windows: what one sends appears in both. \
            Unlike 'run', it publishes: messages, and the commands and acks of its own clients.

            The same hub is served to clients of SignalR 2 (--path) and of ASP.NET Core SignalR (--core-path). The node \
            joins the backplane of SignalR 2 (--channel), of ASP.NET Core (--core-hub), or both. Without --core-hub, \
            clients of ASP.NET Core reach only those of their own node.

            SIGTERM or SIGINT asks the clients to reconnect elsewhere, waits for them, and exits.
            """)

    @OptionGroup(title: "Redis connection") var redis: RedisOptions

    @Option(
        help: ArgumentHelp(
            "Event key of SignalR 2 (\"AppName\" in Startup.cs); without it no client of SignalR 2 is served.",
            valueName: "key"))
    var channel: String?

    @Option(
        help: ArgumentHelp(
            "Full .NET type name of the hub whose ASP.NET Core backplane is joined, such as Chat.Hubs.ChatHub.",
            valueName: "type"))
    var coreHub: String?

    @Option(
        help: ArgumentHelp(
            "ChannelPrefix of the ASP.NET Core nodes. Default: the channelPrefix in the address of --redis.",
            valueName: "prefix"))
    var channelPrefix: String?

    @Option(
        help: ArgumentHelp(
            "Address of the chat page, the hubs, /metrics, /manual/, /-/healthy and /-/ready.", valueName: "host:port"))
    var listen = ListenAddress(host: "127.0.0.1", port: 8080)

    @Option(help: ArgumentHelp("Base path of the hubs.", valueName: "path"))
    var path = "/signalr"

    @Option(
        help: ArgumentHelp(
            "Path of the chat hub for clients of ASP.NET Core SignalR; \"\" serves none.", valueName: "path"))
    var corePath = "/chathub"

    @Flag(
        help: ArgumentHelp(
            """
            After a Redis outage ask the clients of ASP.NET Core to reconnect, spread over 30 s, because they missed \
            messages. Off by default, as on a real node, which does not inform its clients.
            """))
    var reconnectAfterGap = false

    @Option(
        help: ArgumentHelp(
            """
            File with at least 32 random bytes that seal the tokens. Nodes behind one load balancer share it. Without it \
            clients cannot reconnect to another node.
            """, valueName: "file"))
    var keyFile: String?

    @Option(
        help: ArgumentHelp(
            "Origin whose pages may call this node from a browser, or * for all. None by default. Repeat it for more.",
            valueName: "origin"))
    var allowOrigin: [String] = []

    @Option(
        help: ArgumentHelp(
            "Name of this node on the chat page and in the log; its address by default.", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "Maximum number of open connections; a further one closes the one that has waited longest without a complete request.",
            valueName: "count"))
    var maxConnections = 20_000

    @Option(
        help: ArgumentHelp(
            "Maximum number of messages waiting for a slow client before it is disconnected.", valueName: "count"))
    var clientBuffer = 10_000

    @Option(
        help: ArgumentHelp(
            "Memory for past envelopes, from which reconnecting clients get what they missed.", valueName: "size"))
    var storeSize = ByteSize(bytes: 32 << 20)

    @Option(
        help: ArgumentHelp(
            "Largest accepted envelope, 1MiB or more; a larger one is dropped and counted.", valueName: "size"))
    var maxEnvelope = ByteSize(bytes: 32 << 20)

    @Flag(help: "Send callers the full error of a failed hub method.")
    var detailedErrors = false

    @Flag(help: "Answer JSONP. Off by default, as on a real node.")
    var allowJsonp = false

    @OptionGroup(title: "Logging") var log: LogOptions

    func validate() throws {
        guard channel != nil || coreHub != nil else {
            throw ValidationError("name the backplane: --channel KEY for SignalR 2, --core-hub TYPE for ASP.NET Core")
        }
        guard channel != "" else { throw ValidationError("--channel: name the event key") }
        guard coreHub != "" else { throw ValidationError("--core-hub: name the hub's type, such as Chat.Hubs.ChatHub") }
        guard coreHub == nil || !corePath.isEmpty else {
            throw ValidationError("--core-hub: needs a path for its clients (--core-path)")
        }
        guard !reconnectAfterGap || coreHub != nil else {
            throw ValidationError("--reconnect-after-gap: needs a backplane of ASP.NET Core (--core-hub)")
        }
        guard path.hasPrefix("/"), path.count > 1, !path.hasSuffix("/"), !path.contains("?") else {
            throw ValidationError("--path: a path such as /signalr, with a slash at its beginning and none at its end")
        }
        try validateCorePath()
        guard (1...1_000_000).contains(maxConnections) else {
            throw ValidationError("--max-connections: a number from 1 to 1000000")
        }
        guard (1...1_000_000).contains(clientBuffer) else {
            throw ValidationError("--client-buffer: a number of messages from 1 to 1000000")
        }
        try storeSize.require(
            atLeast: ByteSize(bytes: 64 << 10), "--store-size",
            because:
                "\(Format.count(storeSize.bytes, "byte holds", "bytes hold")) too few envelopes for clients that reconnect"
        )
        try maxEnvelope.require(
            atLeast: ByteSize(bytes: 1 << 20), "--max-envelope",
            because: "smaller envelopes are always accepted")
        for origin in allowOrigin where origin != "*" && !(origin.hasPrefix("http://") || origin.hasPrefix("https://"))
        {
            throw ValidationError("--allow-origin: an origin such as https://chat.example, not '\(origin)'")
        }
    }

    private func coreBackplane(prefix: String) -> CoreBackplaneSettings? {
        coreHub.map { CoreBackplaneSettings(hubType: $0, channelPrefix: prefix) }
    }

    private func validateCorePath() throws {
        guard !corePath.isEmpty else { return }
        guard corePath.hasPrefix("/"), corePath.count > 1, !corePath.hasSuffix("/"), !corePath.contains("?") else {
            throw ValidationError(
                "--core-path: a path such as /chathub, with a slash at its beginning and none at its end")
        }
        let (own, other) = (corePath.lowercased() + "/", path.lowercased() + "/")
        guard !own.hasPrefix(other), !other.hasPrefix(own) else {
            throw ValidationError("--core-path: another path than --path, neither below the other")
        }
    }

    func run() async throws {
        let log = try log.makeLog()
        let logger = log.logger
        let redis = try redis.configuration(logger: logger)
        var configuration = HubNodeConfiguration(
            redis: redis, channel: channel ?? "", name: name ?? "\(HostName.current()):\(listen.port)",
            listenHost: listen.host, listenPort: listen.port, path: path, allowedOrigins: allowOrigin,
            detailedErrors: detailedErrors, allowsJSONP: allowJsonp, version: BackplaneRelay.version)
        configuration.limits.connections = maxConnections
        configuration.limits.outboundMessages = clientBuffer
        configuration.limits.storedBytes = storeSize.bytes
        configuration.limits.envelopeBytes = maxEnvelope.bytes
        configuration.openPages = ManualRoutes.pages
        configuration.core =
            corePath.isEmpty
            ? nil
            : CoreHubSettings(
                path: corePath, backplane: coreBackplane(prefix: channelPrefix ?? redis.channelPrefix ?? ""),
                reconnectsAfterGap: reconnectAfterGap)
        if let keyFile { configuration.tokenKey = try Self.tokenKey(in: keyFile) }
        try await ServiceRunner.run(HubNode(configuration: configuration, logger: logger), log: log)
    }

    private static func tokenKey(in path: String) throws -> TokenKey {
        let secret: Data
        do {
            secret = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw ValidationError(
                "--key-file: '\(path)' cannot be read; make one with: head -c 32 /dev/urandom > \(path)")
        }
        guard let key = TokenKey(secret: Array(secret)) else {
            throw ValidationError(
                "--key-file: '\(path)' holds \(Format.count(secret.count, "byte")), fewer than 32; make one with: head -c 32 /dev/urandom > \(path)"
            )
        }
        return key
    }
}
