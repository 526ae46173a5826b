import ArgumentParser
import Backplane
import Check
import FoundationEssentials
import Logging
import Redis
import SignalRClient
import Time

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Prove that messages reach every client: through hub nodes, the backplane, and back.",
        discussion: """
            Examples:
              backplane-relay check --redis redis://127.0.0.1:6379 --channel check
              backplane-relay check --redis redis.example:6379 --channel chatapp \\
                --hub-url https://node1.example/signalr \\
                --hub-url https://node2.example/signalr
              backplane-relay check --redis redis.example --channel check --interval 30s
              backplane-relay check --core --redis redis://127.0.0.1:6379
              backplane-relay check --core --core-hub Chat.Hubs.ChatHub \\
                --redis redis.example --hub-url https://chat.example/chathub
              backplane-relay check --core --ping --core-hub Chat.Hubs.ChatHub \\
                --redis redis.example --hub-url http://node1.example/chathub

            With --core it checks ASP.NET Core SignalR: clients of every transport in JSON and MessagePack, and \
            connections that outlive their webSocket.

            Without --hub-url it starts hub nodes in this process and says of each lost message whether its node \
            knows of the loss. Nodes of --hub-url must offer the chat hub's methods and share one token (machine) \
            key, and what they publish must arrive on --channel at --redis; otherwise the verdict is FAIL and names \
            the difference.

            With --core --ping it measures only the round trip through the backplane, of any application: it \
            publishes the command "remove this connection from a group that nobody uses", which changes nothing, and \
            the node that holds the connection acknowledges it. Each node of --hub-url is pinged through a client \
            that the check connects to it; without --hub-url connections of the hub are chosen at random, and their \
            nodes are unknown. Every node of the hub receives each ping. The Redis user needs +publish.

            Use a separate event key: on the application's key its clients would receive the check's messages.

            Exit status: 0 PASS; 3 PASS WITH LOSS, messages are missing and their nodes report them missed; 1 FAIL, \
            or the check could not run.
            """)

    @OptionGroup(title: "Redis connection") var redis: RedisOptions

    @Option(
        help: ArgumentHelp(
            "Event key of SignalR 2 (\"AppName\" in Startup.cs); required without --core.", valueName: "key"))
    var channel: String?

    @OptionGroup(title: "ASP.NET Core SignalR") var core: CheckCoreOptions

    @Option(help: ArgumentHelp("Hub nodes to start in this process, 1 to 100.", valueName: "count"))
    var nodes = 2

    @Option(
        help: ArgumentHelp(
            "Check this running hub node instead, such as http://node1:8080/signalr, or with --core its hub, such as http://node1:8080/chathub. Repeat it for more.",
            valueName: "url"))
    var hubUrl: [String] = []

    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate authorities to trust at https URLs of --hub-url, instead of the system's.",
            valueName: "file"))
    var hubCaFile: String?

    @Option(help: ArgumentHelp("Broadcasts to send, spread over all clients.", valueName: "count"))
    var messages = 100

    @Option(
        help: ArgumentHelp(
            "webSockets, serverSentEvents, longPolling or all. Separate several by commas, or repeat it.",
            valueName: "name"))
    var transport: [TransportChoice] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Repeat the check this often, and serve the outcome on --listen.", valueName: "time"))
    var interval: TimeSpan?

    @Option(help: ArgumentHelp("Address of /metrics and /manual/ while the check repeats.", valueName: "host:port"))
    var listen = ListenAddress(host: "127.0.0.1", port: 9465)

    @OptionGroup(title: "Logging") var log: LogOptions

    func validate() throws {
        try core.validate(
            channel: channel, namesNodes: !hubUrl.isEmpty, transports: transport.flatMap(\.transports))
        guard (1...100).contains(nodes) else { throw ValidationError("--nodes: a number from 1 to 100") }
        guard (1...1_000_000).contains(messages) else {
            throw ValidationError("--messages: a number from 1 to 1000000")
        }
        try interval?.require(.milliseconds(1_000)...(.hours(24 * 7)), "--interval")
        for url in hubUrl {
            do {
                _ = try NodeURL(url)
            } catch {
                throw ValidationError("--hub-url: \(error)")
            }
        }
    }

    /// Those chosen, in the usual order; all by default.
    private var transports: [ClientTransport] {
        let chosen = Set(transport.flatMap(\.transports))
        return ClientTransport.allCases.filter { chosen.isEmpty || chosen.contains($0) }
    }

    func run() async throws {
        let log = try log.makeLog()
        let logger = log.logger
        let redis = try redis.configuration(logger: logger)
        let hubs = try hubUrl.map { try NodeURL($0) }
        if core.ping { return try await ping(redis, hubs) }
        var configuration =
            core.core
            ? CheckConfiguration(
                redis: redis, core: try core.settings(redis), nodeCount: nodes, hubs: hubs, transports: transports,
                messages: messages, version: BackplaneRelay.version)
            : CheckConfiguration(
                redis: redis, channel: channel ?? "", nodeCount: nodes, hubs: hubs, transports: transports,
                messages: messages, version: BackplaneRelay.version)
        configuration.authorities = hubCaFile
        if let interval {
            try await repeatCheck(configuration, every: interval, log: log)
        } else {
            let showsSteps = StandardError.isTerminal && !json
            // The nodes' log lines would bury the table; --log-level debug shows them.
            var quiet = logger
            if quiet.logLevel == .info { quiet.logLevel = .error }
            let check = Check(configuration: configuration, logger: quiet) { step in
                if showsSteps { StandardError.print("... \(step)") }
            }
            let outcome = try await check.run()
            try CheckPrinter(json: json).print(outcome)
            try Self.exit(with: outcome.verdict)
        }
    }

    private func ping(_ redis: RedisConfiguration, _ hubs: [NodeURL]) async throws {
        let check = PingCheck(
            configuration: PingCheckConfiguration(
                redis: redis, core: try core.settings(redis), hubs: hubs, transport: transports[0],
                count: core.pingCount, connections: core.pingConnections, authorities: hubCaFile))
        let report = try await check.run()
        try PingPrinter(json: json).print(report)
        try Self.exit(with: report.verdict)
    }

    private static func exit(with verdict: CheckVerdict) throws {
        switch verdict {
        case .pass: break
        case .passWithLoss: throw ExitCode.lossOrDamage
        case .fail: throw ExitCode.failure
        }
    }

    private func repeatCheck(_ configuration: CheckConfiguration, every interval: TimeSpan, log: Log) async throws {
        var quiet = log.logger
        if quiet.logLevel == .info { quiet.logLevel = .error }
        let printer = CheckPrinter(json: json)
        let probe = CheckProbe(
            check: Check(configuration: configuration, logger: quiet),
            interval: .nanoseconds(Int64(interval.nanoseconds)),
            listenHost: listen.host, listenPort: listen.port, logger: log.logger,
            openPages: ManualRoutes.pages,
            onOutcome: { outcome in
                // A closed pipe does not end the probe: /metrics continues.
                try? printer.print(outcome)
            })
        try await ServiceRunner.run(probe, log: log)
    }
}

/// `all`, `webSockets`, `serverSentEvents,longPolling`.
struct TransportChoice: ExpressibleByArgument {
    let transports: [ClientTransport]

    init?(argument: String) {
        if argument.lowercased() == "all" {
            transports = ClientTransport.allCases
            return
        }
        var transports: [ClientTransport] = []
        for word in argument.split(separator: ",") {
            guard let kind = ClientTransport.allCases.first(where: { $0.rawValue.lowercased() == word.lowercased() })
            else { return nil }
            transports.append(kind)
        }
        guard !transports.isEmpty else { return nil }
        self.transports = transports
    }
}
