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

            With --core it checks ASP.NET Core SignalR: clients of every transport in JSON and MessagePack, and \
            connections that outlive their webSocket.

            Without --hub-url it starts hub nodes in this process and says of each lost message whether its node \
            knows of the loss. Nodes of --hub-url must offer the chat hub's methods and share one token (machine) \
            key, and what they publish must arrive on --channel at --redis; otherwise the verdict is FAIL and names \
            the difference.

            Use a separate event key: on the application's key its clients would receive the check's messages.

            Exit status: 0 PASS; 3 PASS WITH LOSS, messages are missing and their nodes report them missed; 1 FAIL, \
            or the check could not run.
            """)

    @OptionGroup(title: "Redis connection") var redis: RedisOptions

    @Option(
        help: ArgumentHelp(
            "Event key of SignalR 2 (\"AppName\" in Startup.cs); required without --core.", valueName: "key"))
    var channel: String?

    @Flag(help: "Check ASP.NET Core SignalR instead of SignalR 2.")
    var core = false

    @Option(
        help: ArgumentHelp(
            "With --core: full .NET type name of the hub whose backplane is used; required with --hub-url.",
            valueName: "type"))
    var coreHub: String?

    @Option(
        help: ArgumentHelp(
            "ChannelPrefix of the ASP.NET Core nodes. Default: the channelPrefix in the address of --redis.",
            valueName: "prefix"))
    var channelPrefix: String?

    @Option(
        help: ArgumentHelp(
            "With --core: hub protocols that the nodes have, json or json,messagepack. Default: both.",
            valueName: "names"))
    var protocols: ProtocolsArgument?

    @Option(
        help: ArgumentHelp("With --core: file with the bearer token that the nodes require.", valueName: "file"))
    var hubTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "With --core: file with headers for every request to the nodes, one per line, as in 'X-Tenant: a'.",
            valueName: "file"))
    var hubHeaderFile: String?

    @Option(help: ArgumentHelp("Hub nodes to start in this process, 1 to 100.", valueName: "count"))
    var nodes = 2

    @Option(
        help: ArgumentHelp(
            "Check this running hub node instead, such as http://node1:8080/signalr, or with --core its hub, such as http://node1:8080/chathub. Repeat it for more.",
            valueName: "url"))
    var hubUrl: [String] = []

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
        try validateGeneration()
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

    private func validateGeneration() throws {
        guard core else {
            guard let channel, !channel.isEmpty else {
                throw ValidationError("--channel: name an event key, or check ASP.NET Core SignalR with --core")
            }
            let given: [(String, Bool)] = [
                ("--core-hub", coreHub != nil), ("--protocols", protocols != nil),
                ("--hub-token-file", hubTokenFile != nil), ("--hub-header-file", hubHeaderFile != nil),
            ]
            for (name, isGiven) in given where isGiven { throw ValidationError("\(name): only with --core") }
            return
        }
        guard channel == nil else {
            throw ValidationError("--channel: an event key of SignalR 2; with --core name the hub by --core-hub")
        }
        guard coreHub != "" else { throw ValidationError("--core-hub: name a hub's .NET type") }
        guard hubUrl.isEmpty || coreHub != nil else {
            throw ValidationError("--core-hub: name the .NET type of the hub at --hub-url, such as Chat.Hubs.ChatHub")
        }
        let chosen = transport.flatMap(\.transports)
        if protocols?.protocols == [.messagePack], !chosen.isEmpty, chosen.allSatisfy({ $0 == .serverSentEvents }) {
            throw ValidationError("--protocols: serverSentEvents carries text, so only json")
        }
    }

    func run() async throws {
        let log = try log.makeLog()
        let logger = log.logger
        let redis = try redis.configuration(logger: logger)
        let chosen = Set(transport.flatMap(\.transports))
        let transports = ClientTransport.allCases.filter { chosen.isEmpty || chosen.contains($0) }
        let hubs = try hubUrl.map { try NodeURL($0) }
        let configuration =
            core
            ? CheckConfiguration(
                redis: redis, core: try coreSettings(redis), nodeCount: nodes, hubs: hubs, transports: transports,
                messages: messages, version: BackplaneRelay.version)
            : CheckConfiguration(
                redis: redis, channel: channel ?? "", nodeCount: nodes, hubs: hubs, transports: transports,
                messages: messages, version: BackplaneRelay.version)
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
            switch outcome.verdict {
            case .pass: break
            case .passWithLoss: throw ExitCode.lossOrDamage
            case .fail: throw ExitCode.failure
            }
        }
    }

    /// Clients of a hub of this name are the check's own.
    private static let ownHub = "BackplaneRelay.CheckHub"

    private func coreSettings(_ redis: RedisConfiguration) throws -> CoreCheckSettings {
        var settings = CoreCheckSettings(
            hub: CoreHub(prefix: channelPrefix ?? redis.channelPrefix ?? "", type: coreHub ?? Self.ownHub),
            formats: protocols?.protocols ?? CoreFormat.allCases)
        if let hubTokenFile {
            let token = try Self.text(of: hubTokenFile, "--hub-token-file").trimmed
            guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw ValidationError("--hub-token-file: '\(hubTokenFile)' must hold one token and nothing else")
            }
            settings.accessToken = token
        }
        if let hubHeaderFile {
            settings.headers = try Self.headers(
                in: try Self.text(of: hubHeaderFile, "--hub-header-file"), of: hubHeaderFile)
        }
        return settings
    }

    private static func text(of file: String, _ option: String) throws -> String {
        do {
            return String(decoding: try Data(contentsOf: URL(filePath: file)), as: UTF8.self)
        } catch {
            throw ValidationError("\(option): '\(file)' cannot be read")
        }
    }

    /// The values are secrets: an error names the line, not its text.
    private static func headers(in text: String, of file: String) throws -> [(name: String, value: String)] {
        try text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { number, line in
            let line = String(line).trimmed
            guard !line.isEmpty else { return nil }
            let parts = line.split(separator: ":", maxSplits: 1).map { String($0).trimmed }
            guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains(" "),
                line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else {
                throw ValidationError(
                    "--hub-header-file: line \(number + 1) of '\(file)' is no header; write it like 'X-Tenant: a'")
            }
            return (parts[0], parts[1])
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

extension String {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
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
