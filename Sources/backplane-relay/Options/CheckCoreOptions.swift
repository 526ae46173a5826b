import ArgumentParser
import Backplane
import Check
import FoundationEssentials
import Redis
import SignalRClient

/// The hub of ASP.NET Core SignalR to check, and what its nodes require of clients.
struct CheckCoreOptions: ParsableArguments {
    @Flag(help: "Check ASP.NET Core SignalR instead of SignalR 2.")
    var core = false

    @Option(
        help: ArgumentHelp(
            "With --core: full .NET type name of the hub whose backplane is used; required with --hub-url or --ping.",
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

    @Flag(
        help: """
            With --core: measure only the round trip through the backplane to each node of --hub-url, or to some \
            connections of the hub. The nodes need no chat hub. It publishes group commands that change nothing.
            """)
    var ping = false

    @Option(help: ArgumentHelp("With --ping: pings to each connection, 1 to 100.", valueName: "count"))
    var pingCount = 10

    @Option(
        help: ArgumentHelp(
            "With --ping and without --hub-url: connections to ping at most, 1 to 100.", valueName: "count"))
    var pingConnections = 8

    /// - Parameters:
    ///   - channel: the event key of SignalR 2, if given.
    ///   - namesNodes: whether running nodes are named.
    ///   - transports: those chosen; empty for all.
    func validate(channel: String?, namesNodes: Bool, transports: [ClientTransport]) throws {
        guard core else { return try validateWithoutCore(channel: channel) }
        guard channel == nil else {
            throw ValidationError("--channel: an event key of SignalR 2; with --core name the hub by --core-hub")
        }
        guard coreHub != "" else { throw ValidationError("--core-hub: name a hub's .NET type") }
        guard !ping || coreHub != nil else {
            throw ValidationError(
                "--core-hub: name the .NET type of the hub to ping, such as Chat.Hubs.ChatHub; 'backplane-relay channels' lists the hubs"
            )
        }
        guard !namesNodes || coreHub != nil else {
            throw ValidationError("--core-hub: name the .NET type of the hub at --hub-url, such as Chat.Hubs.ChatHub")
        }
        if protocols?.protocols == [.messagePack], !transports.isEmpty,
            transports.allSatisfy({ $0 == .serverSentEvents })
        {
            throw ValidationError("--protocols: serverSentEvents carries text, so only json")
        }
        for (name, count) in [("--ping-count", pingCount), ("--ping-connections", pingConnections)] {
            guard (1...100).contains(count) else { throw ValidationError("\(name): a number from 1 to 100") }
        }
    }

    private func validateWithoutCore(channel: String?) throws {
        guard !ping else {
            throw ValidationError("--ping: pings nodes of ASP.NET Core SignalR; check those with --core")
        }
        guard let channel, !channel.isEmpty else {
            throw ValidationError("--channel: name an event key, or check ASP.NET Core SignalR with --core")
        }
        let given: [(String, Bool)] = [
            ("--core-hub", coreHub != nil), ("--protocols", protocols != nil),
            ("--hub-token-file", hubTokenFile != nil), ("--hub-header-file", hubHeaderFile != nil),
        ]
        for (name, isGiven) in given where isGiven { throw ValidationError("\(name): only with --core") }
    }

    // MARK: - Settings

    /// Clients of a hub of this name are the check's own.
    private static let ownHub = "BackplaneRelay.CheckHub"

    /// - Throws: `ValidationError` if a file cannot be used.
    func settings(_ redis: RedisConfiguration) throws -> CoreCheckSettings {
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
}

extension String {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
}
