package import Backplane
import Capture
package import NIOCore
package import Redis
import Time

/// Lists the channels of a Redis that have subscribers, and identifies backplanes.
package struct ChannelDirectory: Sendable {
    /// Maximum number of pending commands.
    private static let window = 100
    private static let namesACommand = 500
    /// Maximum number of databases searched for counters, besides that of the address.
    private static let mostDatabases = 16

    private let client: RedisClient

    /// - Parameter client: a connection that nothing else uses, because other databases are selected.
    package init(client: RedisClient) {
        self.client = client
    }

    /// The whole list, over a separate connection.
    ///
    /// - Parameter limit: maximum number of channels for which Redis is asked for names.
    /// - Returns: the list, or why there is none.
    /// - Throws: `RedisError` if Redis cannot be reached or refuses.
    package static func list(
        redis configuration: RedisConfiguration, limit: Int = ChannelScanPolicy.defaultLimit,
        eventLoopGroup: any EventLoopGroup
    ) async throws -> Result<[ListedChannel], ChannelsUnknown> {
        let client: RedisClient
        do {
            // Nodes subscribe to the master.
            client = try await MasterSearch(configuration, eventLoopGroup: eventLoopGroup).connect()
        } catch let error as RedisError where error.isMasterAway {
            return .failure(ChannelsUnknown(error.description))
        }
        let directory = ChannelDirectory(client: client)
        var policy = ChannelScanPolicy(limit: limit)
        do {
            let result: Result<[ListedChannel], ChannelsUnknown>
            switch try await directory.names(&policy) {
            case .success(let names):
                result = .success(try await directory.describe(names, database: configuration.database))
            case .failure(let reason): result = .failure(reason)
            }
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    /// All names, if the policy permits the query.
    package func names(_ policy: inout ChannelScanPolicy) async throws -> Result<[String], ChannelsUnknown> {
        let now = Moment.now().monotonic
        let channels = policy.mayAsk(at: now) ? try await numberOfChannels() : nil
        if case .leave(let reason) = policy.decision(channels: channels, at: now) {
            if policy.mayAsk(at: now) { policy.left(at: now) }
            return .failure(ChannelsUnknown(reason.description, isAboveLimit: reason.isAboveLimit))
        }
        do {
            let asked = Moment.now().monotonic
            let reply = try await client.send(["PUBSUB", "CHANNELS"])
            let answered = Moment.now().monotonic
            policy.answered(in: answered - asked, at: answered)
            return .success((reply.array ?? []).compactMap(\.text))
        } catch let error as RedisError where error.isRefusalOfCommand {
            policy.left(at: now)
            return .failure(.notPermitted)
        }
    }

    /// - Parameter pattern: for `PUBSUB CHANNELS`; the caller decides whether it may be used.
    func names(matching pattern: [UInt8]) async throws -> [[UInt8]] {
        let reply = try await client.send(["PUBSUB", "CHANNELS", .bytes(pattern)])
        return (reply.array ?? []).compactMap { if case .bulk(let name) = $0 { name } else { nil } }
    }

    /// - Returns: nil if INFO is not permitted, or has no such value.
    func numberOfChannels() async throws -> Int? {
        do {
            let text = try await client.send(["INFO", "stats"]).text
            return text.flatMap { InfoFields($0)["pubsub_channels"] }.flatMap { Int($0) }
        } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }

    // MARK: - Identification

    private func describe(_ names: [String], database: Int) async throws -> [ListedChannel] {
        let groups = ChannelGroups(names)
        let subscribers = try await subscribers(of: groups.others + groups.hubs.compactMap(\.everyNode))
        let counters = try await counters(of: groups.others, database: database)
        let hubs = groups.hubs.map { hub in
            ListedChannel(
                name: hub.name, kind: .core, subscribers: hub.everyNode.flatMap { subscribers[$0] },
                channels: hub.channels, hub: hub.found)
        }
        let others = groups.others.map { name in
            ListedChannel(
                name: name, kind: counters[name] == nil ? .neither : .signalR2, subscribers: subscribers[name],
                lastID: counters[name]?.id, database: counters[name]?.database)
        }
        return others.filter { $0.kind == .signalR2 } + hubs + others.filter { $0.kind == .neither }
    }

    private func subscribers(of names: [String]) async throws -> OrdinalNameMap<Int> {
        var subscribers: OrdinalNameMap<Int> = [:]
        var rest = names[...]
        while !rest.isEmpty {
            let some = Array(rest.prefix(Self.namesACommand))
            rest = rest.dropFirst(some.count)
            do {
                let parts = try await client.send(["PUBSUB", "NUMSUB"] + some.map { .text($0) }).array ?? []
                for index in some.indices where parts.count > index * 2 + 1 {
                    subscribers[some[index]] = parts[index * 2 + 1].integer.map { Int($0) }
                }
            } catch let error as RedisError where error.isRefusalOfCommand {
                return [:]
            }
        }
        return subscribers
    }

    /// The counters with these names: in the address' own database, or, if none is found there, in another one.
    func counters(of names: [String], database: Int) async throws -> OrdinalNameMap<(id: UInt64, database: Int)> {
        var found: OrdinalNameMap<(id: UInt64, database: Int)> = [:]
        for (name, id) in try await numbers(of: names) { found[name] = (id, database) }
        guard found.count < names.count else { return found }
        for other in try await databases() where other != database {
            // This connection is not shared.
            guard (try? await client.send(["SELECT", "\(other)"])) != nil else { continue }
            for (name, id) in try await numbers(of: names.filter { found[$0] == nil }) { found[name] = (id, other) }
        }
        return found
    }

    private func databases() async throws -> [Int] {
        do {
            let text = try await client.send(["INFO", "keyspace"]).text ?? ""
            return text.split(whereSeparator: \.isNewline).compactMap { line in
                line.firstMatch(of: #/^db(\d+):/#).flatMap { Int($0.1) }
            }.prefix(Self.mostDatabases).map { $0 }
        } catch let error as RedisError where error.isRefusalOfCommand {
            return []
        }
    }

    private func numbers(of names: [String]) async throws -> OrdinalNameMap<UInt64> {
        var numbers: OrdinalNameMap<UInt64> = [:]
        var rest = names[...]
        while !rest.isEmpty {
            let some = Array(rest.prefix(Self.window))
            rest = rest.dropFirst(some.count)
            let answers = try await withThrowingTaskGroup(of: (String, UInt64?).self) { group in
                for name in some { group.addTask { (name, try await number(at: name)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for case (let name, let id?) in answers { numbers[name] = id }
        }
        return numbers
    }

    /// - Returns: nil if the key is missing, not a number, or not readable.
    private func number(at key: String) async throws -> UInt64? {
        do {
            return try await client.send(["GET", .text(key)]).text.flatMap { UInt64($0) }
        } catch let error as RedisError {
            if error.concernsOneAnswer { return nil }
            if error.isRefusalOfCommand { return nil }
            throw error
        }
    }
}

/// Why the channels of a Redis are unknown, as a sentence.
package struct ChannelsUnknown: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// There are more channels than the limit.
    package let isAboveLimit: Bool

    static let notPermitted = ChannelsUnknown("PUBSUB CHANNELS is not permitted (+pubsub|channels)")

    /// - Parameter description: the reason, for the operator.
    package init(_ description: String, isAboveLimit: Bool = false) {
        self.description = description
        self.isAboveLimit = isAboveLimit
    }
}

/// A backplane that has subscribers, or another channel.
package struct ListedChannel: Sendable, Equatable {
    /// The raw values are stable names for JSON output.
    package enum Kind: String, Sendable {
        /// An event key of SignalR 2: a counter of the same name exists.
        case signalR2 = "signalr2"
        /// All channels of one hub of ASP.NET Core SignalR.
        case core
        /// Neither, or an event key on which nothing has been published yet.
        case neither
    }

    /// The Redis channel; for a Core hub the start of its channels: prefix and type name.
    package var name: String
    /// Which of the two backplanes, if any.
    package var kind: Kind
    /// Subscribers of the channel; for a Core hub, of the channel that each node subscribes to. nil if unknown.
    package var subscribers: Int?
    /// The counter's value.
    package var lastID: UInt64?
    /// The database of the counter.
    package var database: Int?
    /// Number of Redis channels in this row.
    package var channels = 1
    /// For a Core hub: details from the names of its channels.
    package var hub: FoundHub?

    /// The defaults are those of an ordinary channel about which nothing else is known.
    package init(
        name: String, kind: Kind, subscribers: Int? = nil, lastID: UInt64? = nil, database: Int? = nil,
        channels: Int = 1, hub: FoundHub? = nil
    ) {
        self.name = name
        self.kind = kind
        self.subscribers = subscribers
        self.lastID = lastID
        self.database = database
        self.channels = channels
        self.hub = hub
    }
}

/// A hub of ASP.NET Core that has subscribers, with everything that its channel names reveal.
package struct FoundHub: Sendable, Equatable {
    /// Maximum number of server names kept.
    private static let keptServers = 100

    /// The prefix is a guess: a prefix used by a StackExchange.Redis client of this Redis, extended to the last colon,
    /// because type names contain no colon.
    package let hub: CoreHub
    /// Channels by kind.
    package private(set) var counts: [CoreKind: Int] = [:]
    /// Server names of the hub's nodes, sorted; the first hundred. See `CoreServerName`.
    package private(set) var servers: [String] = []

    /// - Parameters:
    ///   - root: prefix and type.
    ///   - prefixes: known channel prefixes on this Redis.
    init(root: String, prefixes: [String]) {
        let known = prefixes.filter { root.utf8.starts(with: $0.utf8) && root.utf8.count > $0.utf8.count }
            .max { $0.utf8.count < $1.utf8.count }
        var prefix = known ?? ""
        if let colon = root.dropLast().lastIndex(of: ":"),
            colon >= (root.utf8.index(root.startIndex, offsetBy: prefix.utf8.count))
        {
            prefix = String(root[...colon])
        }
        hub = CoreHub(root: Array(root.utf8), prefix: prefix) ?? CoreHub(type: root)
    }

    /// - Parameter channel: one of this hub.
    mutating func note(_ channel: String) {
        Array(channel.utf8).withUnsafeBytes { channel in
            // A relay subscribes to such a channel for the acks of its pings.
            guard let name = hub.parse(channel), name.kind != .ack || !CorePing.isSender(name.name) else { return }
            counts[name.kind, default: 0] += 1
            if name.kind == .ack, servers.count < Self.keptServers { servers.append(name.nameText) }
        }
    }

    /// Whether ``HubDiscovery`` can find it: nodes subscribe to its channel of group commands.
    package var isFindable: Bool { counts[.groupCommand] != nil }

    /// Number of nodes: each subscribes to its own ack channel.
    package var nodes: Int { counts[.ack] ?? 0 }

    /// Machine names of the nodes, sorted, without duplicates.
    package var machines: [String] {
        Set(servers.map { CoreServerName($0)?.machine ?? $0 }).sorted()
    }

    /// The possible .NET versions of the nodes, in words; nil if there are no nodes.
    package var versions: String? {
        guard nodes > 0 else { return nil }
        switch counts[.result] ?? 0 {
        case 0: return "before .NET 7"
        case nodes...: return ".NET 7 or later"
        default: return "some before .NET 7"
        }
    }

    /// Whether some nodes support client results (.NET 7 or later) and others do not.
    package var mixesVersions: Bool { (1..<max(1, nodes)).contains(counts[.result] ?? 0) }
}
