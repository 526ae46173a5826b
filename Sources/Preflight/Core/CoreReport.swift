package import Backplane
import Redis

/// What was found of the hubs of ASP.NET Core that are going to be watched, and of what else lives on the Redis.
package struct CoreReport: Sendable, Equatable {
    package let attachment: CoreAttachment
    /// To be watched, by name.
    package var hubs: [HubReport]
    /// Found with the prefix, and left out on purpose.
    package var excluded: [CoreHub] = []
    /// Other hubs of this Redis.
    package var others: [FoundHub] = []
    /// Event keys of SignalR 2; only looked for where no hub is found.
    package var eventKeys: [String] = []
    /// Whether Redis named its channels; if not, only the hubs that were named are known.
    package var isComplete = false

    /// Where nobody can tell which hubs there are.
    package init(_ attachment: CoreAttachment) {
        self.attachment = attachment
        hubs = attachment.namedHubs.map { HubReport(hub: $0, isNamed: true) }
    }

    /// - Parameter found: all hubs of the Redis.
    package init(_ attachment: CoreAttachment, found: [FoundHub]) {
        self.init(attachment)
        isComplete = true
        for index in hubs.indices { hubs[index].nodes = 0 }
        for hub in found { add(hub) }
        hubs.sort { $0.hub.root.lexicographicallyPrecedes($1.hub.root) }
        for index in hubs.indices where hubs[index].nodes == 0 {
            hubs[index].meant = Self.meant(by: hubs[index].hub, among: found.filter { $0.nodes > 0 })
        }
    }

    private mutating func add(_ found: FoundHub) {
        if let index = hubs.firstIndex(where: { $0.hub.root == found.hub.root }) {
            hubs[index].found = found
            hubs[index].nodes = found.nodes
            return
        }
        guard let hub = CoreHub(root: found.hub.root, prefix: attachment.prefix), hub.hasPlausibleType,
            found.isFindable, attachment.findsHubs
        else { return others.append(found) }
        if attachment.wants(hub) {
            var report = HubReport(hub: hub, isNamed: false)
            report.found = found
            report.nodes = found.nodes
            hubs.append(report)
        } else {
            excluded.append(hub)
        }
    }

    /// The hub that was meant by a name to which no node listens.
    private static func meant(by hub: CoreHub, among found: [FoundHub]) -> CoreHub? {
        // The name with the prefix, or under another prefix.
        if let same = found.first(where: { $0.hub.topic.isSameOrdinally(as: hub.type) }) { return same.hub }
        if let same = found.first(where: { $0.hub.type.isSameOrdinally(as: hub.type) }) { return same.hub }
        let below = found.compactMap { CoreHub(root: $0.hub.root, prefix: hub.prefix) }.filter(\.hasPlausibleType)
        for candidates in [below, found.map(\.hub)] {
            guard let type = NearName.nearest(to: hub.type, among: candidates.map(\.type)) else { continue }
            return candidates.first { $0.type.isSameOrdinally(as: type) }
        }
        return nil
    }

    /// Patterns of PSUBSCRIBE that the relay needs.
    package var patterns: Int { attachment.patterns(hubs: hubs.count) }

    /// What each PUBLISH of the Redis takes longer, in microseconds. Measured with Redis 7.0 and Valkey 9: 0.1 us without
    /// patterns, 3.5 us with 80.
    package var microsecondsAPublish: Double { Double(patterns) * 0.04 }
}

/// What was found of one hub.
package struct HubReport: Sendable, Equatable {
    package let hub: CoreHub
    /// Whether it was named, not found.
    package let isNamed: Bool
    /// `PUBSUB NUMSUB` of the channel to which each node listens, relays among them; nil where it is not permitted.
    package var subscribers: Int?
    /// Nodes by their own channels, which no relay has; nil where they are not known.
    package var nodes: Int?
    package var found: FoundHub?
    /// Why SUBSCRIBE or PSUBSCRIBE was refused; nil if neither was.
    package var refusal: String?
    /// A hub with nodes that was probably meant.
    package var meant: CoreHub?

    package init(hub: CoreHub, isNamed: Bool) {
        self.hub = hub
        self.isNamed = isNamed
    }
}

/// Asks a Redis for what it has of the hubs that are going to be watched.
struct CoreLook {
    /// Names that are looked at for the counters of event keys.
    private static let mostKeys = 200

    let client: RedisClient
    let attachment: CoreAttachment

    /// - Parameter groups: the channels of the Redis; nil where nobody knows them.
    func report(_ groups: ChannelGroups?, database: Int) async throws -> CoreReport {
        guard let groups else { return try await counted(CoreReport(attachment)) }
        var report = CoreReport(attachment, found: groups.hubs.map(\.found))
        if report.hubs.allSatisfy({ $0.nodes == 0 }), report.others.isEmpty {
            let names = Array(groups.others.prefix(Self.mostKeys))
            let counters = try await ChannelDirectory(client: client).counters(of: names, database: database)
            report.eventKeys = names.filter { counters[$0] != nil }
        }
        return try await counted(report)
    }

    private func counted(_ report: CoreReport) async throws -> CoreReport {
        var report = report
        for index in report.hubs.indices {
            let channel = report.hubs[index].hub.channel(.groupCommand, [])
            do {
                let parts = try await client.send(["PUBSUB", "NUMSUB", .bytes(channel)]).array
                report.hubs[index].subscribers = parts?.last?.integer.map { Int($0) }
            } catch let error as RedisError where error.isRefusalOfCommand {
                return report
            }
        }
        return report
    }

    /// Whether the user may subscribe to what the relay would. What is sent to connections is left out: even for a moment a
    /// pattern on it would change what PUBLISH answers to nodes.
    ///
    /// - Parameter client: a connection for nothing else.
    static func tryWatches(_ report: inout CoreReport, on client: RedisClient) async throws {
        for index in report.hubs.indices {
            let watch = CoreWatch(report.hubs[index].hub)
            do {
                for channel in watch.channels { try await client.send(["SUBSCRIBE", .bytes(channel)]) }
                for pattern in watch.patterns { try await client.send(["PSUBSCRIBE", .bytes(pattern)]) }
            } catch let error as RedisError where error.isRefusalOfCommand {
                report.hubs[index].refusal = error.description
            }
        }
    }
}
