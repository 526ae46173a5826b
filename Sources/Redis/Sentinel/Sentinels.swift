import NIOCore

/// Queries sentinels for the master.
///
/// They get the servers' login; a sentinel without logins, the usual case, is queried without one.
struct Sentinels: Sendable {
    let configuration: RedisConfiguration
    let eventLoopGroup: any EventLoopGroup

    /// The first answer of a sentinel that knows the master, tried in turn.
    ///
    /// - Throws: ``RedisError/unknownMaster(name:sentinels:)``, ``RedisError/noSentinel(name:reasons:)``, the refusal of
    ///   the login, `CancellationError`.
    func master() async throws -> RedisEndpoint {
        let name = configuration.sentinelMaster ?? ""
        var ignorant: [String] = []
        var failures: [RedisError] = []
        for sentinel in configuration.servers {
            try Task.checkCancellation()
            do {
                if let master = try await namedMaster(by: sentinel) { return master }
                ignorant.append(sentinel.description)
            } catch let error as RedisError {
                failures.append(error)
            }
        }
        if !ignorant.isEmpty {
            throw RedisError.unknownMaster(name: name, sentinels: ignorant.joined(separator: ", "))
        }
        // A permanent error is more useful than "no sentinel".
        if failures.count == 1 || failures.allSatisfy({ !$0.isTransient }), let first = failures.first,
            !first.isTransient
        {
            throw first
        }
        throw RedisError.noSentinel(name: name, reasons: failures.map(\.description))
    }

    /// - Parameter onMessage: receives messages of a subscription on this connection.
    func connect(
        to sentinel: RedisEndpoint, onMessage: (@Sendable (RESPValue) -> Void)? = nil
    ) async throws -> RedisClient {
        try await RedisClient.connect(
            to: sentinel, of: configuration, purpose: .sentinel, on: eventLoopGroup.next(), onMessage: onMessage)
    }

    /// - Returns: nil if this sentinel does not know the name.
    func namedMaster(by sentinel: RedisEndpoint) async throws -> RedisEndpoint? {
        let client = try await connect(to: sentinel)
        let reply: RESPValue
        do {
            reply = try await withTaskCancellationHandler {
                try await client.send([
                    "SENTINEL", "get-master-addr-by-name", .text(configuration.sentinelMaster ?? ""),
                ])
            } onCancel: {
                client.abandon()
            }
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        switch reply {
        case .null: return nil
        case .array(let parts):
            guard parts.count == 2, let host = parts[0].text, let port = parts[1].text.flatMap({ Int($0) }) else {
                break
            }
            return .tcp(host: host, port: port)
        default: break
        }
        throw RedisError.unexpectedReply(command: "SENTINEL", reply: reply.summary)
    }
}
