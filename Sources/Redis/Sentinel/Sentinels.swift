import Logging
import NIOCore

/// Queries sentinels for the master.
///
/// They get the servers' login; a sentinel without logins, the usual case, is queried without one.
struct Sentinels: Sendable {
    let configuration: RedisConfiguration
    let eventLoopGroup: any EventLoopGroup

    /// The first answer of a sentinel that knows the master, tried in turn.
    ///
    /// - Throws: ``RedisError/unknownMaster(name:sentinels:)``, ``RedisError/noSentinel(name:reasons:)``, the refusal
    ///   of the login, `CancellationError`.
    func master() async throws -> RedisEndpoint {
        try await first { try await namedMaster(by: $0) }
    }

    /// The same with the replicas that this sentinel knows.
    func group() async throws -> SentinelGroup {
        try await first { sentinel in
            try await withClient(sentinel) { client in
                guard let master = try await namedMaster(by: client) else { return nil }
                // Without the replicas the master is watched.
                let reply = try await client.ask(["SENTINEL", "REPLICAS", .text(configuration.sentinelMaster ?? "")])
                return SentinelGroup(master: master, replicas: reply)
            }
        }
    }

    /// - Parameter ask: returns nil if this sentinel does not know the name.
    private func first<Value>(_ ask: (RedisEndpoint) async throws -> Value?) async throws -> Value {
        let name = configuration.sentinelMaster ?? ""
        var ignorant: [String] = []
        var failures: [RedisError] = []
        for sentinel in configuration.servers {
            try Task.checkCancellation()
            do {
                if let value = try await ask(sentinel) { return value }
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
        try await withClient(sentinel) { try await namedMaster(by: $0) }
    }

    private func withClient<Value>(
        _ sentinel: RedisEndpoint, _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = try await connect(to: sentinel)
        do {
            let value = try await withTaskCancellationHandler {
                try await body(client)
            } onCancel: {
                client.abandon()
            }
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    private func namedMaster(by client: RedisClient) async throws -> RedisEndpoint? {
        let reply = try await client.send([
            "SENTINEL", "get-master-addr-by-name", .text(configuration.sentinelMaster ?? ""),
        ])
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

/// Watches sentinels for a new master.
struct SentinelWatch: Sendable {
    private static let retryPause: Duration = .seconds(1)

    let sentinels: Sentinels
    let logger: Logger

    /// Returns when a sentinel names a different master, or when the task is cancelled.
    func waitForSuccessor(of current: RedisEndpoint) async {
        while !Task.isCancelled {
            for sentinel in sentinels.configuration.servers where !Task.isCancelled {
                do {
                    if try await watch(sentinel, current: current) {
                        logger.notice(
                            "the sentinels name another master",
                            metadata: ["redis": "\(current)", "sentinel": "\(sentinel)"])
                        return
                    }
                } catch {
                    if Task.isCancelled { return }
                    logger.debug("a sentinel cannot be watched, trying the next", metadata: ["cause": "\(error)"])
                }
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: Self.retryPause)
        }
    }

    /// During a failover a promoted replica is subscribed to before the sentinels name it: it must not be left for the
    /// former master, which may be down.
    private func isMaster(_ named: RedisEndpoint) async throws -> Bool {
        guard sentinels.configuration.use == .watch else { return true }
        var demanding = sentinels.configuration
        demanding.demand = .master
        try await ServerProbe(eventLoopGroup: sentinels.eventLoopGroup).look(at: named, demanding)
        return true
    }

    /// - Returns: true if it names a different master; false if its connection ended first.
    private func watch(_ sentinel: RedisEndpoint, current: RedisEndpoint) async throws -> Bool {
        let configuration = sentinels.configuration
        let name = configuration.sentinelMaster ?? ""
        let (messages, continuation) = AsyncStream.makeStream(of: RESPValue.self)
        let client = try await sentinels.connect(to: sentinel) { continuation.yield($0) }
        return try await withTaskCancellationHandler {
            do {
                try await client.send(["SUBSCRIBE", .text(MasterSwitch.channel)])
                // A switch between our connect and this subscription would be missed: query over another connection.
                if let named = try await sentinels.namedMaster(by: sentinel), named != current {
                    await client.close()
                    return try await isMaster(named)
                }
            } catch {
                await client.close()
                throw error
            }
            return try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await message in messages {
                        guard let announced = MasterSwitch(message: message) else { continue }
                        if announced.name == name, announced.master != current { return true }
                    }
                    return false
                }
                group.addTask {
                    await client.waitUntilClosed()
                    return false
                }
                group.addTask {
                    // Detects a dead sentinel: an unanswered PING ends the connection.
                    while !Task.isCancelled {
                        try await Task.sleep(for: .seconds(configuration.pingIntervalSeconds))
                        try await client.send(["PING"])
                    }
                    return false
                }
                let switched = try await group.next() ?? false
                group.cancelAll()
                await client.close()
                return switched
            }
        } onCancel: {
            client.abandon()
        }
    }
}

/// The announcement of a new master: `+switch-master`, payload `name oldHost oldPort newHost newPort`.
struct MasterSwitch: Equatable {
    static let channel = "+switch-master"

    let name: String
    let master: RedisEndpoint

    /// - Parameter message: a message from a sentinel.
    init?(message: RESPValue) {
        guard let parts = message.array, parts.count == 3, parts[0].text == "message", parts[1].text == Self.channel,
            let payload = parts[2].text
        else { return nil }
        let words = payload.split(separator: " ")
        guard words.count == 5, let port = Int(words[4]) else { return nil }
        name = String(words[0])
        master = .tcp(host: String(words[3]), port: port)
    }
}
