import Backplane
import Capture
package import NIOCore
package import Redis
import Time

/// Examines a Redis, its channels and the record directory, with commands that change nothing. Skips commands that the
/// ACL does not permit.
package struct Preflight {
    let client: RedisClient
    /// Where nodes subscribe.
    private let nodes: NodesPlace
    let configuration: RedisConfiguration
    private let channels: [String]
    let core: CoreAttachment?
    private let tap: TapPolicy?

    /// The complete pre-flight check over its own connections, as in `run --check-only`.
    ///
    /// - Parameters:
    ///   - channels: event keys of SignalR 2.
    ///   - core: what to watch of ASP.NET Core; nil for nothing.
    ///   - tap: how to read the replication stream; nil to subscribe.
    ///   - directory: the record directory; nil if nothing will be recorded.
    ///   - maxChannelScan: maximum number of channels for which Redis is asked for names.
    /// - Returns: the report. If Redis cannot be reached, or the connection is lost, the report says so and contains
    ///   only what does not need Redis.
    package static func run(
        redis configuration: RedisConfiguration, channels: [String], core: CoreAttachment? = nil,
        tap: TapPolicy? = nil, directory: String?, maxChannelScan: Int = ChannelScanPolicy.defaultLimit,
        eventLoopGroup: any EventLoopGroup
    ) async -> PreflightReport {
        var report = PreflightReport()
        do {
            report = try await look(at: configuration, channels, core, tap, maxChannelScan, eventLoopGroup)
        } catch {
            report.unreachable = "\(error)"
            report.missing = (error as? RedisError)?.missing ?? []
        }
        if report.endpoint.isEmpty { report.endpoint = configuration.endpoint }
        report.directory = directory.map { DirectoryReport.examine($0) }
        return report
    }

    private static func look(
        at configuration: RedisConfiguration, _ channels: [String], _ core: CoreAttachment?, _ tap: TapPolicy?,
        _ maxChannelScan: Int, _ eventLoopGroup: any EventLoopGroup
    ) async throws -> PreflightReport {
        var report = try await with(configuration, channels, core, tap, eventLoopGroup) { preflight in
            var report = try await preflight.look()
            if report.objection == nil {
                try await preflight.probe(&report)
                try await preflight.probeSubscribing(eventLoopGroup, &report)
                try await preflight.lookAround(limit: maxChannelScan, &report)
            }
            return report
        }
        for index in report.channels.indices {
            let listener = try await RedisClient.connect(to: configuration, eventLoopGroup: eventLoopGroup)
            do {
                try await listener.send(["SUBSCRIBE", .text(report.channels[index].name)])
            } catch let error as RedisError {
                report.channels[index].refusal = error.description
            }
            await listener.close()
        }
        if var core = report.core {
            let listener = try await RedisClient.connect(to: configuration, eventLoopGroup: eventLoopGroup)
            do {
                try await CoreLook.tryWatches(&core, on: listener)
                report.core = core
                await listener.close()
            } catch {
                await listener.close()
                throw error
            }
        }
        return report
    }

    /// The part of the check that concerns the choice of backplanes, for a relay that starts: examines only channels.
    ///
    /// - Throws: `RedisError` if Redis cannot be reached or will not serve.
    package static func backplanes(
        redis configuration: RedisConfiguration, channels: [String], core: CoreAttachment?,
        maxChannelScan: Int = ChannelScanPolicy.defaultLimit, eventLoopGroup: any EventLoopGroup
    ) async throws -> PreflightReport {
        try await with(configuration, channels, core, nil, eventLoopGroup) { preflight in
            // What a replica alone knows of nodes would be wrong.
            if let refusal = preflight.nodes.refusal { throw refusal }
            var report = PreflightReport()
            report.database = configuration.database
            for name in channels { report.channels.append(try await preflight.look(at: name, &report)) }
            report.clients = try await preflight.subscribedClients(&report)
            try await preflight.lookAround(limit: maxChannelScan, &report)
            return report
        }
    }

    /// - Parameters:
    ///   - client: a connection to the Redis of `configuration`; stays open.
    ///   - nodes: where nodes subscribe.
    package init(
        client: RedisClient, nodes: NodesPlace = .here, configuration: RedisConfiguration, channels: [String],
        core: CoreAttachment? = nil, tap: TapPolicy? = nil
    ) {
        self.tap = tap
        self.client = client
        self.nodes = nodes
        self.configuration = configuration
        self.channels = channels
        self.core = core
    }

    /// Everything that can be queried over one connection.
    package func look() async throws -> PreflightReport {
        var report = PreflightReport()
        report.endpoint = client.endpoint
        report.database = configuration.database
        let start = Moment.now()
        _ = try await ask(["PING"], &report)
        report.roundTripNanoseconds = Moment.now().monotonic - start.monotonic
        if let text = try await ask(["INFO"], &report)?.text {
            let server = RedisServerInfo(infoText: text)
            report.server = server
            report.missingFields = InfoField.missing(in: text)
            report.objection = configuration.objection(to: server, at: client.endpoint)?.description
            report.replica = client.answersForCluster ? nil : try await replica(text)
            // A replica gets the counters from its master, whose settings decide; unknown if that cannot be asked.
            var keeper: String? = text
            if report.replica != nil {
                keeper = if let place { try await ask(["INFO"], at: place, &report)?.text } else { nil }
            }
            if let fields = keeper.map({ InfoFields($0) }) {
                // Some servers leave out sections.
                report.memory = fields["maxmemory"].flatMap { Int($0) }.map {
                    RedisMemory(limit: $0, policy: fields["maxmemory_policy"] ?? "")
                }
                report.persistence = fields["aof_enabled"].map { RedisPersistence(appendOnlyFile: $0 == "1") }
            }
        }
        if report.objection == nil, configuration.use == .publish, try await client.isCluster(report.server) == true {
            report.objection = RedisError.clusterMode(endpoint: client.endpoint).description
        }
        report.cluster = try await cluster(&report)
        // Such a server refuses most of the following commands, or its replies mean nothing.
        guard report.objection == nil else { return report }
        report.user = try await ask(["ACL", "WHOAMI"], &report)?.text
        if let limit = try await setting("client-output-buffer-limit", &report) {
            report.outputBufferLimit = PreflightReport.OutputBufferLimit(setting: limit)
            let snapshots = try await setting("save", at: place, &report)
            report.persistence?.snapshots = snapshots
        }
        report.clockDifferenceNanoseconds = try await clockDifference(&report)
        for channel in channels { report.channels.append(try await look(at: channel, &report)) }
        report.clients = try await subscribedClients(&report)
        if let tap {
            let looked = try await TapReport.ask(client, tap, configuration: configuration, user: report.user)
            for command in looked.refusedCommands { report.refused([.text(command)]) }
            report.tap = looked
        }
        return report
    }

    /// The connection to where nodes subscribe; nil if that cannot be asked.
    private var place: RedisClient? {
        switch nodes {
        case .here: client
        case .master(let master): master
        case .unknown: nil
        }
    }

    /// - Parameter info: the server's INFO.
    /// - Returns: nil for a master.
    private func replica(_ info: String) async throws -> ReplicaReport? {
        guard let own = ReplicationReport(info: info), own.isReplica else { return nil }
        var report = ReplicaReport(master: own.master, isLinked: own.isLinked, silence: own.silence)
        report.refusal = nodes.refusal?.description
        guard case .master(let master) = nodes else { return report }
        report.asked = master.endpoint
        // Queried again, just before the master, so that the lag is overestimated rather than underestimated.
        if let now = try await client.replication(), let other = try await master.replication(),
            now.history == other.history
        {
            report.lagBytes = max(0, other.offset - now.offset)
        }
        return report
    }

    private func subscribedClients(_ report: inout PreflightReport) async throws -> SubscribedClients? {
        guard let place = place else { return nil }
        let list = try await ask(["CLIENT", "LIST", "TYPE", "pubsub"], at: place, &report)?.text
        return list.map { SubscribedClients(list: $0) }
    }

    /// Queries the hubs to watch, and finds similar names for channels without subscribers.
    private func lookAround(limit: Int, _ report: inout PreflightReport) async throws {
        let lonely = report.channels.indices.filter { report.isLonely(report.channels[$0]) }
        guard !lonely.isEmpty || core != nil else { return }
        var policy = ChannelScanPolicy(limit: limit)
        var groups: ChannelGroups?
        var covered: [CoreHub] = []
        guard let place else {
            report.namesUnknown = nodes.refusal?.description
            report.core = core.map { CoreReport($0) }
            return
        }
        let listed: Result<[String], ChannelsUnknown>
        do { listed = try await ChannelDirectory(client: place).names(&policy) } catch let error as RedisError
            where error.isAboutCluster
        { listed = .failure(ChannelsUnknown(error.description)) }
        switch listed {
        case .success(let names):
            groups = ChannelGroups(names)
            if let core { covered = CoreDiscovery.covered(in: names.map { Array($0.utf8) }, prefix: core.prefix) }
        case .failure(let reason):
            report.namesUnknown = reason.description
            report.hasTooManyNames = reason.isAboveLimit
        }
        if let groups, !lonely.isEmpty {
            report.hubsHere = groups.hubs.map(\.found).filter { $0.nodes > 0 }
            for index in lonely {
                report.channels[index].meant = ChannelHint.meant(
                    by: report.channels[index].name, among: groups.others, besides: channels)
            }
        }
        if let core {
            report.core = try await CoreLook(client: place, attachment: core)
                .report(groups, database: configuration.database)
            report.core?.covered = covered
        }
    }

    private func look(at name: String, _ report: inout PreflightReport) async throws -> ChannelReport {
        var channel = ChannelReport(name: name)
        if let place {
            let subscribers = try await ask(["PUBSUB", "NUMSUB", .text(name)], at: place, &report)?.array
            if let count = subscribers?.last?.integer { channel.subscribers = Int(count) }
        }
        do {
            channel.counter =
                try await ask(["GET", .text(name)], at: place ?? client, &report).map(Self.counter) ?? .unknown
        } catch RedisError.serverError(_, let reply) where reply.hasPrefix("WRONGTYPE") {
            channel.counter = .other("a value that is not a string")
        }
        return channel
    }

    private static func counter(_ reply: RESPValue) -> ChannelReport.Counter {
        guard let text = reply.text else { return .absent }
        return UInt64(text).map { .value($0) } ?? .other("text that is not a number")
    }

    private func clockDifference(_ report: inout PreflightReport) async throws -> Int64? {
        let before = Moment.now()
        guard let parts = try await ask(["TIME"], &report)?.array, parts.count == 2,
            let seconds = parts[0].text.flatMap({ Int64($0) }), let microseconds = parts[1].text.flatMap({ Int64($0) })
        else { return nil }
        let after = Moment.now()
        // Redis read its clock in between, so the middle is wrong by at most half of the round trip.
        let middle = before.realtime / 2 + after.realtime / 2
        return (seconds * 1_000_000_000 + microseconds * 1_000) - Int64(middle)
    }

    private func setting(
        _ name: String, at place: RedisClient? = nil, _ report: inout PreflightReport
    ) async throws -> String? {
        try await ask(["CONFIG", "GET", .text(name)], at: place, &report)?.array?.last?.text
    }

    /// - Returns: nil if the command is not permitted or unknown, or the server refuses it for a reason of its own.
    func ask(
        _ command: [RESPArgument], at place: RedisClient? = nil, _ report: inout PreflightReport
    ) async throws -> RESPValue? {
        do {
            return try await (place ?? client).send(command)
        } catch let error as RedisError {
            // The report of the cluster says why.
            if error.isAboutCluster { return nil }
            guard error.isRefusalOfCommand || error.isUnspecific else { throw error }
            report.refused(command)
            return nil
        }
    }
}

extension PreflightReport.OutputBufferLimit {
    /// - Parameter text: `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
    package init?(setting text: String) {
        let words = text.split(separator: " ")
        guard let start = words.firstIndex(of: "pubsub"), words.count > start + 3, let hard = Int(words[start + 1]),
            let soft = Int(words[start + 2]), let seconds = Int(words[start + 3])
        else { return nil }
        self.init(hardBytes: hard, softBytes: soft, softSeconds: seconds)
    }
}
