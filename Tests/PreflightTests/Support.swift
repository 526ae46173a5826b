import Backplane
import Redis
import TestSupport

extension RedisServer {
    /// What looks like a node of ASP.NET Core, which subscribes to the same as a real one does.
    ///
    /// - Parameters:
    ///   - names: kinds and names of further channels, of connections and groups for instance.
    func withCoreNode<Value>(
        _ hub: CoreHub, server: String = "web1_0123456789abcdef0123456789abcdef", also names: [(CoreKind, String)] = [],
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        try await withClient { node in
            try await node.send(["CLIENT", "SETNAME", "WEB1(SE.Redis-v2.9.32)"])
            var channels = [
                Array((hub.prefix + "__Booksleeve_MasterChanged").utf8), hub.channel(.all, []),
                hub.channel(.groupCommand, []), hub.channel(.ack, Array(server.utf8)),
                hub.channel(.result, Array(server.utf8)),
            ]
            channels += names.map { kind, name in hub.channel(kind, Array(name.utf8)) }
            for channel in channels { try await node.send(["SUBSCRIBE", .bytes(channel)]) }
            return try await body()
        }
    }
}
