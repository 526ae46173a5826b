import SignalRClient
import Loopback
import NIOConcurrencyHelpers
import Redis

/// Connects the clients of a check.
struct ClientConnector: Sendable {
    let nodes: [CheckedNode]
    let deliveryLog: DeliveryLog
    let network: SignalRNetwork
    let redis: RedisConfiguration
    let channel: String
    let counter: CounterRecord

    /// - Throws: ``SetupError`` naming the client that cannot connect, and why; `RedisError` if Redis is the reason.
    func admit(_ seats: [ClientPlan.PlannedClient]) async throws -> [Participant] {
        let admitted = NIOLockedValueBox<[Participant]>([])
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, seat) in seats.enumerated() {
                    group.addTask {
                        let participant = try await admit(seat, index: index)
                        admitted.withLockedValue { $0.append(participant) }
                    }
                }
                // Not waitForAll(), which lets the others run on when one has failed.
                for try await _ in group {}
            }
        } catch {
            for participant in admitted.withLockedValue({ $0 }) { await participant.client.stop() }
            throw error
        }
        return admitted.withLockedValue { $0 }.sorted { $0.index < $1.index }
    }

    private func admit(_ seat: ClientPlan.PlannedClient, index: Int) async throws -> Participant {
        let session = CheckSession(
            nodes: nodes, participants: [], deliveryLog: deliveryLog, redis: redis, channel: channel, messages: 0,
            counter: counter)
        let client = try await session.retry("\(seat.name) connects") {
            // A client whose start failed is spent.
            let client = SignalRClient(
                configuration: SignalRClientConfiguration(
                    node: nodes[seat.node].url, hubs: [CheckSession.hub], transport: seat.transport,
                    query: [("user", seat.user)], callTimeout: nodes[seat.node].callTimeout),
                network: network
            ) { event in deliveryLog.received(event, client: index) }
            try await client.start()
            return client
        }
        if let id = await client.connectionID { deliveryLog.identify(client: index, connectionID: id) }
        return Participant(
            index: index, node: seat.node, transport: seat.transport, name: seat.name, user: seat.user, client: client)
    }
}
