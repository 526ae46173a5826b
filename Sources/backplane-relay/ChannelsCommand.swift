import ArgumentParser
import Backplane
import FoundationEssentials
import NIOPosix
import Preflight
import Redis
import Relay

struct ChannelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels",
        abstract: "List the event keys and hubs of a Redis that have subscribers.",
        discussion: """
            Examples:
              backplane-relay channels --redis redis://127.0.0.1:6379
              BACKPLANE_RELAY_REDIS='redis.example:6379,password=...' \\
                backplane-relay channels --json

            SignalR 2 is recognized by its counter, a key with the name of the channel and a number as its value; \
            ASP.NET Core by its channel names, combined into one row per hub. An event key without any publication so \
            far looks like neither. For each backplane it prints the command that watches it; a hub's channel prefix is \
            a guess.

            It uses PUBSUB CHANNELS, which blocks Redis while it lists all names (0.2 s for 200,000). With more than \
            --max-channel-scan channels it lists none, says so, and exits 1. It changes nothing.

            Nodes subscribe to the master, so at a replica it queries the replica's master. In a cluster it \
            queries all nodes.
            """)

    @OptionGroup(title: "Redis connection") var redis: RedisOptions
    @OptionGroup(title: "Redis connection") var server: PreferOptions

    @Option(help: ArgumentHelp("Do not list the channels of a Redis with more than this number.", valueName: "count"))
    var maxChannelScan = ChannelScanPolicy.defaultLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Logging") var log: LogOptions

    func validate() throws {
        guard maxChannelScan >= 1 else {
            throw ValidationError("--max-channel-scan: \(maxChannelScan) channels cannot be listed; 1 or more")
        }
    }

    func run() async throws {
        let log = try log.makeLog()
        defer { log.destination.finish() }
        let configuration = try redis.configuration(logger: log.logger, listsHubs: true)
            .watching(server.prefer)
        let found = try await ChannelDirectory.list(
            redis: configuration, limit: maxChannelScan, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        switch found {
        case .failure(let reason):
            StandardError.print(
                "the channels of Redis at \(configuration.endpoint) are not known: \(reason)\(reason.isAboveLimit ? " (--max-channel-scan)" : "")"
            )
            throw ExitCode.failure
        case .success(let channels):
            let list = ChannelList(redis: configuration.endpoint, database: configuration.database, channels: channels)
            try StandardOutput.print(lines: json ? [PrintableText.json(try list.json())] : list.lines)
        }
    }
}

/// The outcome of `channels`.
struct ChannelList {
    /// Maximum number of rows for channels that are not a backplane.
    private static let listedOthers = 100

    let redis: String
    let database: Int
    let channels: [ListedChannel]

    private struct Object: Encodable {
        struct Row: Encodable {
            var channel: String
            var looksLike: String
            var subscribers: Int?
            var lastID: UInt64?
            var database: Int?
            var channels: Int
            /// For a Core hub.
            var hub: Hub?
            /// The command line that watches it.
            var attach: String?
        }

        struct Hub: Encodable {
            var type: String
            var channelPrefix: String
            var nodes: Int
            var servers: [String]
            var versions: String?
            var connections: Int
            var groups: Int
            var users: Int
        }

        var command = "channels"
        var redis: String
        var channels: [Row]
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let rows = channels.map { channel in
            Object.Row(
                channel: channel.name, looksLike: channel.kind.rawValue, subscribers: channel.subscribers,
                lastID: channel.lastID, database: channel.database, channels: channel.channels,
                hub: channel.hub.map { hub in
                    Object.Hub(
                        type: hub.hub.type, channelPrefix: hub.hub.prefix, nodes: hub.nodes, servers: hub.servers,
                        versions: hub.versions, connections: hub.counts[.connection] ?? 0,
                        groups: hub.counts[.group] ?? 0, users: hub.counts[.user] ?? 0)
                }, attach: Self.attach(channel))
        }
        return String(decoding: try encoder.encode(Object(redis: redis, channels: rows)), as: UTF8.self)
    }

    var lines: [String] {
        guard !channels.isEmpty else {
            return ["no channel of Redis at \(redis) has subscribers: are the nodes running, and is this their Redis?"]
        }
        let others = channels.filter { $0.kind == .neither }
        let shown = channels.filter { $0.kind != .neither } + others.prefix(Self.listedOthers)
        let rows = [["channel", "looks like", "subscribers", "last id", "channels", ""]] + shown.map(row)
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            let cells = row.indices.map { column in
                // Numbers are right-aligned.
                (2...4).contains(column)
                    ? String(repeating: " ", count: widths[column] - row[column].count) + row[column]
                    : row[column].padding(to: widths[column])
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        if others.count > Self.listedOthers {
            lines.append(
                "and \(Format.count(others.count - Self.listedOthers)) more that look like neither; --json lists them")
        }
        for channel in channels {
            guard let command = Self.attach(channel) else { continue }
            lines += ["", "\(PrintableText.line(channel.name.utf8)): \(summary(channel))", "  " + command]
        }
        return lines + linesOfAllHubs
    }

    /// The command that watches all hubs of a prefix, if there are several.
    private var linesOfAllHubs: [String] {
        let hubs = channels.filter { Self.attach($0) != nil }.compactMap { $0.hub?.hub }
        let counts = Dictionary(grouping: hubs, by: \.prefix).mapValues(\.count)
        return counts.filter { $0.value > 1 }.sorted { $0.key < $1.key }.flatMap { prefix, count in
            let title = prefix.isEmpty ? "no channel prefix" : "the channel prefix '\(prefix)'"
            return [
                "", "all \(Format.count(count)) hubs with \(title):",
                "  backplane-relay run \(CoreOptions.arguments(prefix: prefix))",
            ]
        }
    }

    private func summary(_ channel: ListedChannel) -> String {
        guard let hub = channel.hub else { return "event key of SignalR 2" }
        let named = hub.machines.prefix(5).joined(separator: ", ") + (hub.machines.count > 5 ? ", ..." : "")
        let details = [named, hub.versions ?? ""].filter { !$0.isEmpty }.joined(separator: "; ")
        return [
            "hub \(PrintableText.line(hub.hub.type.utf8)) of ASP.NET Core",
            hub.hub.prefix.isEmpty
                ? "no channel prefix" : "channel prefix '\(PrintableText.line(hub.hub.prefix.utf8))'",
            Format.count(hub.nodes, "node") + (details.isEmpty ? "" : " (\(PrintableText.line(details.utf8)))"),
            Format.count(hub.counts[.connection] ?? 0, "connection"),
            Format.count(hub.counts[.group] ?? 0, "group"), Format.count(hub.counts[.user] ?? 0, "user"),
        ].joined(separator: ", ")
    }

    /// - Returns: nil if the channel is not a backplane, or its name cannot be printed on a terminal.
    private static func attach(_ channel: ListedChannel) -> String? {
        guard channel.name.unicodeScalars.allSatisfy({ !PrintableText.steers($0) }) else { return nil }
        if let hub = channel.hub { return "backplane-relay run \(CoreOptions.arguments(hub.hub))" }
        guard channel.kind == .signalR2 else { return nil }
        return "backplane-relay run --channel \(ShellWord.quoted(channel.name))"
    }

    private func row(_ channel: ListedChannel) -> [String] {
        let what =
            switch channel.kind {
            case .signalR2: "SignalR 2"
            case .core: "ASP.NET Core"
            case .neither: "neither"
            }
        let elsewhere = channel.database.map { $0 == database ? "" : "counter in database \($0)" } ?? ""
        return [
            PrintableText.line(channel.name.utf8), what, channel.subscribers.map { Format.count($0) } ?? "unknown",
            channel.lastID.map { Format.count($0) } ?? "-", Format.count(channel.channels), elsewhere,
        ]
    }
}
