import Backplane
import JSON
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
    /// Nil for clients of SignalR 2.
    var core: CoreCheckSettings?

    /// - Throws: ``SetupError`` naming the client that cannot connect, and the reason; `RedisError` if Redis is the
    ///   reason.
    func admit(_ clients: [ClientPlan.PlannedClient]) async throws -> [Participant] {
        let admitted = NIOLockedValueBox<[Participant]>([])
        let failed = NIOLockedValueBox<[CoreConnectFailure]>([])
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, planned) in clients.enumerated() {
                    group.addTask {
                        do {
                            let participant = try await admit(planned, index: index)
                            admitted.withLockedValue { $0.append(participant) }
                        } catch let error as SetupError where core != nil {
                            failed.withLockedValue { $0.append(CoreConnectFailure(client: planned, error: error)) }
                        }
                    }
                }
                // Unlike waitForAll(), stops the others when one has failed.
                for try await _ in group {}
            }
        } catch {
            for participant in admitted.withLockedValue({ $0 }) { await participant.client.stop() }
            throw error
        }
        let participants = admitted.withLockedValue { $0 }.sorted { $0.index < $1.index }
        do {
            try await explain(failed.withLockedValue { $0 }, beside: participants)
        } catch {
            for participant in participants { await participant.client.stop() }
            throw error
        }
        return participants
    }

    /// Reports what prevents clients from connecting.
    ///
    /// - Throws: ``SetupError`` if too few clients are left to prove anything with.
    private func explain(_ failures: [CoreConnectFailure], beside participants: [Participant]) async throws {
        guard !failures.isEmpty else { return }
        let diagnosis = CoreDiagnosis(nodes: nodes, network: network, core: core)
        var texts: [String] = []
        for failure in failures {
            let text = await diagnosis.text(for: failure, connected: participants)
            if !texts.contains(text) { texts.append(text) }
        }
        guard Set(participants.map(\.node)).count == nodes.count, participants.count > 1 else {
            throw SetupError(texts.joined(separator: "; "), cause: failures.first?.error.cause)
        }
        for text in texts { deliveryLog.fault(.connect, text) }
    }

    private func admit(_ planned: ClientPlan.PlannedClient, index: Int) async throws -> Participant {
        let session = CheckSession(
            nodes: nodes, participants: [], deliveryLog: deliveryLog, redis: redis, channel: channel, messages: 0,
            counter: counter)
        if let way = planned.core { return try await admit(planned, way, index: index, session) }
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

    // MARK: - ASP.NET Core

    /// Shorter than a client's defaults, so that a proxy that buffers data is reported soon.
    private static let coreTimeouts = CoreClientTimeouts(open: .seconds(5), handshake: .seconds(5))
    /// Delays after the check's clients lose a connection unexpectedly.
    private static let coreRetryDelays: [Duration] = [.zero, .milliseconds(500), .seconds(2), .seconds(5)]

    private func admit(
        _ planned: ClientPlan.PlannedClient, _ way: CoreWay, index: Int, _ session: CheckSession
    ) async throws -> Participant {
        let (deliveryLog, network, name) = (deliveryLog, network, planned.name)
        var configuration = CoreClientConfiguration(
            node: nodes[planned.node].coreURL, transport: planned.transport, format: way.format,
            query: [("user", planned.user)], headers: core?.headers ?? [], accessToken: core?.accessToken,
            usesStatefulReconnect: way.isStateful, retryDelays: Self.coreRetryDelays, timeouts: Self.coreTimeouts)
        configuration.timeouts.call = nodes[planned.node].callTimeout
        let answer: CoreSignalRClient.Answer = { arguments in
            CheckSession.answer(to: arguments.first ?? .null, of: index)
        }
        let client = try await session.retry("\(planned.name) connects") { [configuration] in
            let client = CoreSignalRClient(configuration: configuration, network: network, answers: ["answer": answer])
            { event in
                if case .stateChanged(.reconnecting(let reason)) = event {
                    deliveryLog.note("\(name) lost its connection: \(reason)")
                }
                deliveryLog.received(event, client: index)
            }
            try await client.start()
            return client
        }
        // The connection may have been lost already.
        let isStateful = await client.isStateful
        if way.isStateful, !isStateful {
            deliveryLog.note("\(nodes[planned.node].name) does not offer stateful reconnect, so it is not checked")
        }
        return Participant(
            index: index, node: planned.node, transport: planned.transport, name: planned.name, user: planned.user,
            client: client, isStateful: isStateful)
    }
}

/// The protocol settings of an ASP.NET Core SignalR client, apart from its transport.
struct CoreWay: Equatable, Sendable {
    let format: CoreFormat
    /// Whether the client requests stateful reconnect.
    var isStateful = false
}

/// The clients of a check: one per transport on each node, node by node, and at least two. For ASP.NET Core: one per
/// transport and protocol, and for each protocol one with stateful reconnect.
struct ClientPlan: Equatable, Sendable {
    struct PlannedClient: Equatable, Sendable {
        let node: Int
        let transport: ClientTransport
        let name: String
        let user: String
        /// nil for a client of SignalR 2.
        var core: CoreWay?
    }

    let clients: [PlannedClient]

    private typealias Place = (node: Int, transport: ClientTransport, core: CoreWay?, name: String)

    init(nodes: [String], transports: [ClientTransport], run: String) {
        var places: [Place] = []
        for (index, node) in nodes.enumerated() {
            for transport in transports { places.append((index, transport, nil, "\(node)/\(transport.rawValue)")) }
        }
        self.init(places, run: run)
    }

    init(coreNodes nodes: [String], transports: [ClientTransport], formats: [CoreFormat], run: String) {
        var places: [Place] = []
        for (index, node) in nodes.enumerated() {
            for transport in transports {
                // Server-sent events carry text only.
                for format in formats where transport != .serverSentEvents || format == .json {
                    let name = "\(node)/\(transport.rawValue)/\(format.name)"
                    places.append((index, transport, CoreWay(format: format), name))
                    guard transport == .webSockets else { continue }
                    places.append((index, transport, CoreWay(format: format, isStateful: true), name + "/stateful"))
                }
            }
        }
        self.init(places, run: run)
    }

    private init(_ places: [Place], run: String) {
        var places = places
        // One client must send while the other is away.
        if places.count == 1 {
            let only = places[0]
            places = ["a", "b"].map { (only.node, only.transport, only.core, "\(only.name) \($0)") }
        }
        // Half as many users as clients, so that a user has clients on several nodes; at least two, so that there is a
        // user who must not receive a message to another.
        let users = max(2, places.count / 2)
        clients = places.enumerated().map { index, place in
            PlannedClient(
                node: place.node, transport: place.transport, name: place.name,
                user: "check-\(run)-\(index % users)", core: place.core)
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
    let client: any HubConnection
    /// Whether its connection has stateful reconnect.
    var isStateful = false

    /// Nil for a client of ASP.NET Core SignalR.
    var signalR2: SignalRClient? { client as? SignalRClient }
    /// nil for a client of SignalR 2.
    var core: CoreSignalRClient? { client as? CoreSignalRClient }
}
