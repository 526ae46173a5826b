import Loopback
import NIOConcurrencyHelpers
import Redis
import SignalRClient

/// Connects the clients of a check.
struct ClientConnector: Sendable {
    let nodes: [CheckedNode]
    let deliveryLog: DeliveryLog
    let network: SignalRNetwork
    let redis: RedisConfiguration
    let channel: String
    let counter: CounterRecord

    /// - Throws: ``SetupError`` naming the client that cannot connect, and the reason; `RedisError` if Redis is the
    ///   reason.
    func admit(_ clients: [ClientPlan.PlannedClient]) async throws -> [Participant] {
        let admitted = NIOLockedValueBox<[Participant]>([])
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, planned) in clients.enumerated() {
                    group.addTask {
                        let participant = try await admit(planned, index: index)
                        admitted.withLockedValue { $0.append(participant) }
                    }
                }
                // Unlike waitForAll(), stops the others when one has failed.
                for try await _ in group {}
            }
        } catch {
            for participant in admitted.withLockedValue({ $0 }) { await participant.client.stop() }
            throw error
        }
        return admitted.withLockedValue { $0 }.sorted { $0.index < $1.index }
    }

    private func admit(_ planned: ClientPlan.PlannedClient, index: Int) async throws -> Participant {
        let session = CheckSession(
            nodes: nodes, participants: [], deliveryLog: deliveryLog, redis: redis, channel: channel, messages: 0,
            counter: counter)
        let client = try await session.retry("\(planned.name) connects") {
            // A client cannot be reused after a failed start.
            let client = SignalRClient(
                configuration: SignalRClientConfiguration(
                    node: nodes[planned.node].url, hubs: [CheckSession.hub], transport: planned.transport,
                    query: [("user", planned.user)], callTimeout: nodes[planned.node].callTimeout),
                network: network
            ) { event in deliveryLog.received(event, client: index) }
            try await client.start()
            return client
        }
        if let id = await client.connectionID { deliveryLog.identify(client: index, connectionID: id) }
        return Participant(
            index: index, node: planned.node, transport: planned.transport, name: planned.name, user: planned.user,
            client: client)
    }
}

/// The clients of a check: one per transport on each node, node by node, and at least two.
struct ClientPlan: Equatable, Sendable {
    struct PlannedClient: Equatable, Sendable {
        let node: Int
        let transport: ClientTransport
        let name: String
        let user: String
    }

    let clients: [PlannedClient]

    init(nodes: [String], transports: [ClientTransport], run: String) {
        var places: [(node: Int, transport: ClientTransport, name: String)] = []
        for (index, node) in nodes.enumerated() {
            for transport in transports { places.append((index, transport, "\(node)/\(transport.rawValue)")) }
        }
        // One client must send while the other is away.
        if places.count == 1 {
            let only = places[0]
            places = [(only.node, only.transport, only.name + " a"), (only.node, only.transport, only.name + " b")]
        }
        // Half as many users as clients, so that a user has clients on several nodes; at least two, so that there is a
        // user who must not receive a message to another.
        let users = max(2, places.count / 2)
        clients = places.enumerated().map { index, place in
            PlannedClient(
                node: place.node, transport: place.transport, name: place.name, user: "check-\(run)-\(index % users)")
        }
    }
}

/// A client that takes part in a check.
struct Participant: Sendable {
    let index: Int
    /// The node at which it starts.
    let node: Int
    let transport: ClientTransport
    /// `node 1/webSockets`
    let name: String
    let user: String
    let client: SignalRClient
}
