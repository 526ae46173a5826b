package import Backplane
import Redis

extension RedisServer {
    /// A subscriber that looks like a node of ASP.NET Core, with the subscriptions of a real one.
    ///
    /// - Parameters:
    ///   - machine: in its server name.
    ///   - names: kinds and names of further channels, such as those of connections and groups.
    package func withCoreNode<Value>(
        _ hub: CoreHub, machine: String = "web1", also names: [(CoreKind, String)] = [],
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        try await withCoreNodes([hub], machine: machine, also: names, body)
    }

    /// The same with several hubs on one connection.
    package func withCoreNodes<Value>(
        _ hubs: [CoreHub], machine: String = "web1", also names: [(CoreKind, String)] = [],
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        let server = machine + "_0123456789abcdef0123456789abcdef"
        return try await withClient { node in
            try await node.send(["CLIENT", "SETNAME", "WEB1(SE.Redis-v2.9.32)"])
            for hub in hubs {
                var channels = [
                    Array((hub.prefix + "__Booksleeve_MasterChanged").utf8), hub.channel(.all, []),
                    hub.channel(.groupCommand, []), hub.channel(.ack, Array(server.utf8)),
                    hub.channel(.result, Array(server.utf8)),
                ]
                channels += names.map { kind, name in hub.channel(kind, Array(name.utf8)) }
                for channel in channels { try await node.send(["SUBSCRIBE", .bytes(channel)]) }
            }
            return try await body()
        }
    }
}
