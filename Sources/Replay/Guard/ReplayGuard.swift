package import Backplane
import Capture
package import Redis

/// Decides whether a replay may start: decision logic without I/O.
struct ReplayGuard {
    /// Sources of the capture.
    var sources: [CaptureSource]
    /// Run ids of the servers that the relay was subscribed to, from the capture's events.
    var runIDs: Set<String> = []
    /// Histories of their data, which a replica shares with its master.
    var histories: Set<String> = []
    /// The target's event keys by captured event key, within the selection.
    var channels: OrdinalNameMap<String>
    /// The same for hubs of ASP.NET Core, with their prefixes.
    var hubs: OrdinalNameMap<String> = [:]
    var options: ReplayOptions
    /// Name of this machine, and its numeric addresses.
    var host: String
    var ownAddresses: Set<String> = []
    /// Resolves a host name to numeric addresses.
    var resolve: (String) -> Set<String> = { _ in [] }

    /// Refuses the server and event key of the recording, whose live clients would receive the messages again.
    func objection(to target: ReplayTarget) -> ReplayError? {
        guard !options.allowsSource, isSource(target) else { return nil }
        if let channel = Self.recorded(among: channels) {
            return .targetIsSource(endpoint: target.endpoint, channel: channel)
        }
        return Self.recorded(among: hubs).map { .targetIsSourceHub(endpoint: target.endpoint, hub: $0) }
    }

    /// A target name that was recorded too.
    private static func recorded(among names: OrdinalNameMap<String>) -> String? {
        names.keys.sorted().map { names[$0] ?? $0 }.first { names[$0] != nil }
    }

    /// For `preserve`: real nodes accept captured ids only if they have seen no higher ones, so there must be no
    /// subscribers.
    ///
    /// - Parameter firstIDs: lowest captured id, by the target's event key.
    func objection(toIDsAt target: ReplayTarget, firstIDs: OrdinalNameMap<UInt64>) -> ReplayError? {
        guard options.ids == .preserve, !options.forcesIDs else { return nil }
        for (channel, first) in firstIDs.sorted(by: { $0.key < $1.key }) {
            guard let counter = target.counters[channel] else {
                return .idsRefused(
                    reason:
                        "the counter '\(channel)' at \(target.endpoint) cannot be read, so captured ids may not fit; permit GET, or force it",
                    remedies: [.force]
                )
            }
            if counter >= first {
                return .idsRefused(
                    reason:
                        "the counter '\(channel)' at \(target.endpoint) is at \(counter), not below the first captured id \(first): nodes there would take captured ids for old ones; rebase the ids, or force it",
                    remedies: [.rebase, .force]
                )
            }
            guard let subscribers = target.subscribers[channel] else {
                return .idsRefused(
                    reason:
                        "the subscribers of '\(channel)' at \(target.endpoint) are unknown; permit PUBSUB NUMSUB, or force it",
                    remedies: [.force]
                )
            }
            if subscribers > 0 {
                return .idsRefused(
                    reason:
                        "\(Quantity.text(subscribers, "subscriber listens", "subscribers listen")) on '\(channel)' at \(target.endpoint): ids that jump look like lost messages to them; stop them first, rebase the ids, or force it",
                    remedies: [.rebase, .force]
                )
            }
        }
        return nil
    }

    /// By run_id, or by the history of its data: the master of a watched replica. A restarted server has another one: then the address decides, however it is written.
    private func isSource(_ target: ReplayTarget) -> Bool {
        if let runID = target.server?.runID, !runID.isEmpty,
            runIDs.contains(runID) || sources.contains(where: { $0.runID == runID })
        {
            return true
        }
        if let history = target.server?.history, !history.isEmpty,
            histories.contains(history) || sources.contains(where: { $0.masterReplid == history })
        {
            return true
        }
        guard let place = place(target.endpoint, seenFrom: host) else { return false }
        return sources.contains { source in
            // Sentinel addresses do not show where the server was.
            guard source.redis.hasPrefix("unix:") || !source.redis.contains("/") else { return false }
            return source.redis.split(separator: ",").contains { endpoint in
                self.place(String(endpoint), seenFrom: source.host)?.isSame(as: place) ?? false
            }
        }
    }

    private func place(_ endpoint: String, seenFrom machine: String) -> ServerPlace? {
        ServerPlace(endpoint: endpoint, seenFrom: machine, here: host, own: ownAddresses, resolve: resolve)
    }
}

/// The state of the target before anything is published.
package struct ReplayTarget: Sendable, Equatable {
    /// `host:port`
    package var endpoint: String
    /// nil if INFO is not permitted.
    package var server: RedisServerInfo?
    /// By the target's event key; 0 if the key does not exist, absent if GET is not permitted.
    package var counters: OrdinalNameMap<UInt64> = [:]
    /// By the target's event key; absent if PUBSUB is not permitted.
    package var subscribers: OrdinalNameMap<Int> = [:]
    /// Subscribers of a hub's channel for all clients, by the target's hub with its prefix; absent if PUBSUB is not
    /// permitted.
    package var nodes: OrdinalNameMap<Int> = [:]

    var identity: ServerIdentity {
        ServerIdentity(runID: server.flatMap { $0.runID.isEmpty ? nil : $0.runID }, endpoint: endpoint)
    }

    /// - Throws: `RedisError`, also for a replica, a cluster, and a server that may be one.
    static func look(
        _ client: RedisClient, of configuration: RedisConfiguration, channels: [String], hubs: [CoreHub] = []
    ) async throws -> ReplayTarget {
        var target = ReplayTarget(endpoint: client.endpoint)
        target.server = try await client.requirePublishable(of: configuration)
        for channel in channels {
            try await ifPermitted {
                let reply = try await client.send(["GET", .text(channel)])
                guard let text = reply.text else { return target.counters[channel] = 0 }
                guard let value = Double(text), value >= 0, value < 1e18 else {
                    throw ReplayError.idsRefused(
                        reason:
                            "the key '\(channel)' at \(client.endpoint) does not hold a counter; does it belong to another application?"
                    )
                }
                target.counters[channel] = UInt64(text) ?? UInt64(value)
            }
            try await ifPermitted {
                let parts = try await client.send(["PUBSUB", "NUMSUB", .text(channel)]).array
                if let parts, parts.count == 2, let count = parts[1].integer {
                    target.subscribers[channel] = Int(count)
                }
            }
        }
        for hub in hubs {
            try await ifPermitted {
                let parts = try await client.send(["PUBSUB", "NUMSUB", .bytes(hub.channel(.all, []))]).array
                if let parts, parts.count == 2, let count = parts[1].integer { target.nodes[hub.topic] = Int(count) }
            }
        }
        return target
    }

    private static func ifPermitted(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as RedisError where error.isRefusalOfCommand {
            // The value stays unknown.
        }
    }
}
