package import Backplane

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
    /// `PUBSUB NUMSUB` of the channel for all clients, relays among them; nil where it is not permitted.
    package var listeners: Int?
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
