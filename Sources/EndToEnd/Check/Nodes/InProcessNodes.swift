import HubNode
import Logging
import Redis

/// Hub nodes in this process, on free ports, with one token key, for as long as a closure runs.
struct InProcessNodes: Sendable {
    private static let startTimeout: Duration = .seconds(10)
    /// For a check: a group command that was lost is not tried again before.
    static let shortAcknowledgement: Duration = .seconds(5)

    let count: Int
    /// What their pages and logs call them, before their number.
    var title = "check node"
    /// How long a group command may take.
    var acknowledgement = Self.shortAcknowledgement
    let redis: RedisConfiguration
    let channel: String
    let version: String
    let logger: Logger

    /// - Parameter onPublished: told each message that a node published, on the node's event loop.
    /// - Throws: ``EndToEndError`` if a node does not come up or ends by itself; what a node or `body` throws.
    func run<Value: Sendable>(
        onPublished: @escaping @Sendable (UInt64, String, [UInt8]) -> Void,
        _ body: @escaping @Sendable ([CheckedNode]) async throws -> Value
    ) async throws -> Value {
        let key = TokenKey.random()
        let (started, starting) = AsyncStream.makeStream(of: CheckedNode.self)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            for number in 1...count {
                let log = NodeLog(onPublished: onPublished)
                let node = HubNode(
                    configuration: configuration(number, key: key), logger: logger, observer: log,
                    onListening: { port in
                        guard let url = try? NodeURL("http://127.0.0.1:\(port)/signalr") else { return }
                        starting.yield(CheckedNode(name: "node \(number)", url: url, log: log))
                    })
                group.addTask {
                    try await node.run()
                    return nil
                }
            }
            group.addTask {
                let nodes = try await collect(started)
                return try await body(nodes)
            }
            // Whatever ends first ends the others: the body with its value, or a node that should not have.
            defer { group.cancelAll() }
            guard let value = try await group.next() ?? nil else {
                throw EndToEndError("a hub node has ended by itself; its log says why (--log-level debug)")
            }
            return value
        }
    }

    private func configuration(_ number: Int, key: TokenKey) -> HubNodeConfiguration {
        var configuration = HubNodeConfiguration(
            redis: redis, channel: channel, name: "\(title) \(number)", listenPort: 0, tokenKey: key, version: version
        )
        // The notes of a retry say why.
        configuration.detailedErrors = true
        configuration.timing.acknowledgement = acknowledgement
        configuration.timing.drain = .milliseconds(100)
        return configuration
    }

    private func collect(_ started: AsyncStream<CheckedNode>) async throws -> [CheckedNode] {
        let count = count
        let all = await withTaskGroup(of: [CheckedNode]?.self) { group in
            group.addTask {
                var nodes: [CheckedNode] = []
                for await node in started {
                    nodes.append(node)
                    if nodes.count == count { break }
                }
                return nodes.count == count ? nodes : nil
            }
            group.addTask {
                try? await Task.sleep(for: Self.startTimeout)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let all else {
            throw EndToEndError("the hub nodes did not listen within 10 s; their log says why")
        }
        return all.sorted { $0.name < $1.name }
    }
}
