import Backplane
import Loopback
import NIOConcurrencyHelpers
import NIOPosix
import Preflight
package import Redis
import Relay
package import SignalRClient

/// What one check by backplane pings does.
package struct PingCheckConfiguration: Sendable {
    /// The Redis of the backplane.
    package var redis: RedisConfiguration
    /// The hub, and what its nodes require of clients.
    package var core: CoreCheckSettings
    /// The hub at each node to ping. If empty, connections of the hub's clients are chosen at random.
    package var hubs: [NodeURL]
    /// Transport of the clients that connect to ``hubs``.
    package var transport: ClientTransport
    /// Pings to each connection.
    package var count: Int
    /// Maximum number of connections without ``hubs``.
    package var connections: Int
    /// PEM file of the certificate authorities to trust at https URLs; nil for the system's.
    package var authorities: String?

    /// The defaults: ten pings to each connection; without ``hubs`` to at most eight connections, chosen at random.
    ///
    /// - Precondition: `count` and `connections` are above 0, and `core` has a hub protocol.
    package init(
        redis: RedisConfiguration, core: CoreCheckSettings, hubs: [NodeURL] = [],
        transport: ClientTransport = .webSockets, count: Int = 10, connections: Int = 8, authorities: String? = nil
    ) {
        precondition(count > 0 && connections > 0 && !core.formats.isEmpty)
        self.redis = redis
        self.core = core
        self.hubs = hubs
        self.transport = transport
        self.count = count
        self.connections = connections
        self.authorities = authorities
    }
}

/// Measures the round trip through the backplane of ASP.NET Core SignalR, without a change to the application: group
/// commands that change nothing (``CorePing``) are acknowledged by the nodes.
///
/// Nothing on the backplane tells which node holds a connection. A node is named by connecting a client to it.
package struct PingCheck: Sendable {
    /// From one ping of a connection to the next.
    private static let pace: Duration = .milliseconds(100)
    /// The longest wait for an ack. Nodes themselves wait 30 s.
    static let longestWait: Duration = .seconds(5)
    /// How long a node may take to subscribe to the channel of a new connection. Before that it does not answer.
    private static let subscribing: Duration = .seconds(5)
    private static let look: Duration = .milliseconds(20)
    private static let timeouts = CoreClientTimeouts(request: .seconds(5), open: .seconds(5), handshake: .seconds(5))

    private let configuration: PingCheckConfiguration

    /// Does nothing before ``run()``.
    package init(configuration: PingCheckConfiguration) {
        self.configuration = configuration
    }

    private var hub: CoreHub { configuration.core.hub }

    /// Takes some seconds; every wait is bounded.
    ///
    /// - Throws: `RedisError` if Redis cannot be reached or refuses; ``SetupError`` if there is nothing to ping. A node
    ///   that does not answer is an outcome, not an error.
    package func run() async throws -> PingReport {
        let start = ContinuousClock.now
        let line = try await PingLine.connect(
            to: configuration.redis.namedAsObserver("ping"), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let rows: [PingRow]
        do {
            try await line.listen(to: [hub])
            rows = configuration.hubs.isEmpty ? try await sampled(line) : try await named(line)
            await line.close()
        } catch {
            await line.close()
            throw error
        }
        return PingReport(
            hub: hub, redis: "\(configuration.redis.endpoint)", rows: rows, duration: ContinuousClock.now - start)
    }

    // MARK: - Nodes

    /// Pings each node through the connection of a client.
    private func named(_ line: PingLine) async throws -> [PingRow] {
        let network = try SignalRNetwork(authorities: configuration.authorities)
        do {
            let rows = try await Self.inOrder(configuration.hubs) { number, url in
                try await ping(PingSubject(node: "node \(number + 1)", url: "\(url)"), at: url, line, network)
            }
            await network.shutdown()
            return rows
        } catch {
            await network.shutdown()
            throw error
        }
    }

    private func ping(
        _ subject: PingSubject, at url: NodeURL, _ line: PingLine, _ network: SignalRNetwork
    ) async throws -> PingRow {
        let lost = NIOLockedValueBox<String?>(nil)
        let client = CoreSignalRClient(
            configuration: CoreClientConfiguration(
                node: url, transport: configuration.transport, format: format, headers: configuration.core.headers,
                accessToken: configuration.core.accessToken, retryDelays: [], timeouts: Self.timeouts),
            network: network
        ) { event in
            guard case .stateChanged(let state) = event, let reason = state.lossReason else { return }
            lost.withLockedValue { $0 = $0 ?? reason }
        }
        do {
            try await client.start()
        } catch let error as SignalRClientError {
            return PingRow(subject, unreachable: error)
        }
        guard let connection = await client.connectionID else {
            await client.stop()
            return PingRow(subject, unreachable: .notConnected(node: "\(url)"))
        }
        var subject = subject
        subject.connection = connection
        do {
            let tally = try await isSubscribed(connection, line) ? tally(connection, line) : PingTally(isGone: true)
            // Before the client closes the connection itself.
            let reason = lost.withLockedValue { $0 }
            await client.stop()
            return PingRow(subject, tally, lost: reason, redis: "\(configuration.redis.endpoint)")
        } catch {
            await client.stop()
            throw error
        }
    }

    /// Server-sent events carry text only.
    private var format: CoreFormat {
        configuration.transport == .serverSentEvents ? .json : configuration.core.formats.first ?? .json
    }

    /// Whether a node subscribes to the channel of a new connection in time.
    private func isSubscribed(_ connection: String, _ line: PingLine) async throws -> Bool {
        let end = ContinuousClock.now + Self.subscribing
        repeat {
            guard let subscribers = try await line.subscribers(of: connection, hub) else {
                // Redis does not permit the question.
                try await Task.sleep(for: .seconds(1))
                return true
            }
            if subscribers > 0 { return true }
            try await Task.sleep(for: Self.look)
        } while ContinuousClock.now < end
        return false
    }

    // MARK: - Connections

    /// Pings connections whose nodes are unknown.
    private func sampled(_ line: PingLine) async throws -> [PingRow] {
        var scan = PacedChannelScan(pattern: RedisGlob.escaped(hub.channel(.connection, [])) + Array("*".utf8))
        let names: [[UInt8]]
        switch try await scan.look(line.client) {
        case .success(let found): names = found
        case .failure(let reason):
            throw SetupError(
                "the connections of the hub '\(hub.topic)' are unknown: \(reason); name its nodes instead",
                setting: .nodes)
        }
        let root = hub.channel(.connection, []).count
        let chosen = names.shuffled().prefix(configuration.connections).map {
            String(decoding: $0.dropFirst(root), as: UTF8.self)
        }
        guard !chosen.isEmpty else {
            throw SetupError(
                "the hub '\(hub.topic)' has no connection on \(configuration.redis.endpoint): no client is connected, or the hub's type or the channel prefix is another one"
            )
        }
        return try await Self.inOrder(chosen) { _, connection in
            PingRow(
                PingSubject(connection: connection), try await tally(connection, line), lost: nil,
                redis: "\(configuration.redis.endpoint)")
        }
    }

    // MARK: - Pings

    private func tally(_ connection: String, _ line: PingLine) async throws -> PingTally {
        let start = ContinuousClock.now
        let outcomes = try await Self.inOrder(0..<configuration.count) { _, number in
            // Each at its time, answered or not.
            try await Task.sleep(until: start + Self.pace * number, clock: .continuous)
            return try await line.ping(hub, connection: connection, timeout: Self.longestWait)
        }
        guard !outcomes.contains(.notHeard) else {
            throw SetupError(
                "the subscription of this check at \(configuration.redis.endpoint) was lost while nodes answered; run it again"
            )
        }
        return PingTally(outcomes)
    }

    /// Runs `body` for all elements at the same time.
    ///
    /// - Returns: the results in the order of the elements.
    private static func inOrder<Element: Sendable, Value: Sendable>(
        _ elements: some Collection<Element>, _ body: @escaping @Sendable (Int, Element) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for (number, element) in elements.enumerated() {
                group.addTask { (number, try await body(number, element)) }
            }
            return try await group.reduce(into: [(Int, Value)]()) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

extension SignalRClientState {
    /// Why the connection was lost; nil if it was not.
    fileprivate var lossReason: String? {
        switch self {
        case .reconnecting(let reason), .waiting(let reason), .disconnected(let reason): reason
        case .connecting, .connected: nil
        }
    }
}
