import Backplane
import Redis

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
            let hub = report.hubs[index].hub
            do {
                let parts = try await client.send([
                    "PUBSUB", "NUMSUB", .bytes(hub.channel(.groupCommand, [])), .bytes(hub.channel(.all, [])),
                ]).array
                guard let parts, parts.count == 4 else { continue }
                report.hubs[index].subscribers = parts[1].integer.map { Int($0) }
                report.hubs[index].listeners = parts[3].integer.map { Int($0) }
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
