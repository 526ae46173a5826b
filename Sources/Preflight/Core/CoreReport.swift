package import Backplane
import Redis

/// The state of the ASP.NET Core hubs to watch, and the other backplanes on the same Redis.
package struct CoreReport: Sendable, Equatable {
    /// What the report was made for.
    package let attachment: CoreAttachment
    /// The hubs to watch, sorted by name.
    package var hubs: [HubReport]
    /// Hubs with the prefix that the operator excluded.
    package var excluded: [CoreHub] = []
    /// Other hubs on this Redis.
    package var others: [FoundHub] = []
    /// Hubs whose channels can be read as groups or users of another hub, so that they are not in the other lists.
    package var covered: [CoreHub] = []
    /// Event keys of SignalR 2. Searched only if no hub was found.
    package var eventKeys: [String] = []
    /// Whether Redis listed its channels. Otherwise only the hubs named by the operator are known.
    package var isComplete = false

    /// For a Redis that does not list its channels.
    package init(_ attachment: CoreAttachment) {
        self.attachment = attachment
        hubs = attachment.namedHubs.map { HubReport(hub: $0, isNamed: true) }
    }

    /// - Parameter found: all hubs on the Redis.
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

    /// The hub that was probably meant by the name of a hub without nodes.
    private static func meant(by hub: CoreHub, among found: [FoundHub]) -> CoreHub? {
        // The operator included the prefix in the type name, or the hub has another prefix.
        if let same = found.first(where: { $0.hub.topic.isSameOrdinally(as: hub.type) }) { return same.hub }
        if let same = found.first(where: { $0.hub.type.isSameOrdinally(as: hub.type) }) { return same.hub }
        let below = found.compactMap { CoreHub(root: $0.hub.root, prefix: hub.prefix) }.filter(\.hasPlausibleType)
        for candidates in [below, found.map(\.hub)] {
            guard let type = NearName.nearest(to: hub.type, among: candidates.map(\.type)) else { continue }
            return candidates.first { $0.type.isSameOrdinally(as: type) }
        }
        return nil
    }

    /// Number of PSUBSCRIBE patterns that the relay needs.
    package var patterns: Int { attachment.patterns(hubs: hubs.count) }

    /// By how much the patterns slow down each PUBLISH on this Redis, in microseconds. Measured with Redis 7.0 and
    /// Valkey 9: PUBLISH takes 0.1 us without patterns, 3.5 us with 80.
    package var microsecondsAPublish: Double { Double(patterns) * 0.04 }
}

/// The state of one hub.
package struct HubReport: Sendable, Equatable {
    /// The hub, with the prefix of the attachment.
    package let hub: CoreHub
    /// True if the operator named it, false if it was discovered.
    package let isNamed: Bool
    /// `PUBSUB NUMSUB` of the channel that each node subscribes to, including relays; nil if not permitted.
    package var subscribers: Int?
    /// `PUBSUB NUMSUB` of the channel for all clients, including relays; nil if not permitted.
    package var listeners: Int?
    /// Number of nodes, counted by their ack channels, which relays do not have; nil if unknown.
    package var nodes: Int?
    /// Details from its channel names; nil if it has no subscribers, or Redis did not list its channels.
    package var found: FoundHub?
    /// Why SUBSCRIBE or PSUBSCRIBE was refused; nil if neither was.
    package var refusal: String?
    /// For a hub without nodes: a similar hub with nodes, which was probably meant; nil if there is none.
    package var meant: CoreHub?

    /// A hub about which nothing was found yet.
    package init(hub: CoreHub, isNamed: Bool) {
        self.hub = hub
        self.isNamed = isNamed
    }
}

/// Queries the state of the hubs to watch.
struct CoreLook {
    /// Maximum number of channel names that are checked for counters of event keys.
    private static let mostKeys = 200

    let client: RedisClient
    let attachment: CoreAttachment

    /// - Parameter groups: the channels of the Redis; nil if unknown.
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
            let hub = report.hubs[index].hub
            do {
                let parts = try await client.send([
                    "PUBSUB", "NUMSUB", .bytes(hub.channel(.groupCommand, [])), .bytes(hub.channel(.all, [])),
                ]).array
                guard let parts, parts.count == 4 else { continue }
                report.hubs[index].subscribers = parts[1].integer.map { Int($0) }
                report.hubs[index].listeners = parts[3].integer.map { Int($0) }
            } catch let error as RedisError where error.isRefusalOfCommand || error.isAboutCluster {
                return report
            }
        }
        return report
    }

    /// Tries the subscriptions of the relay, to see whether the ACL permits them. Patterns for single connections are
    /// not tried: even a short subscription would change the reply of PUBLISH to nodes.
    ///
    /// - Parameter client: a connection that nothing else uses.
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
