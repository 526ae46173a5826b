package import NIOCore
import Synchronization

/// The other nodes of the connected node's cluster: queries them too, over one connection each, which stays open.
actor ClusterMembers: CommandRouter {
    /// If there are more other nodes than this, none is queried.
    static let limit = 32
    /// How long the list of the cluster's nodes is used before it is read again.
    private static let nodesLast = Duration.seconds(5)
    /// How long a node that could not be queried is not tried again.
    private static let rest = Duration.seconds(5)
    /// The longest wait for a connection or a reply, in milliseconds: it delays the other nodes and the caller.
    private static let patience: Int64 = 2_000

    private let configuration: RedisConfiguration
    private let eventLoopGroup: any EventLoopGroup
    /// nil until `CLUSTER SHARDS` was read.
    private var nodes: ClusterNodes?
    private var ownID: String?
    /// Why `nodes` is nil.
    private var refusal = "its nodes are not known yet"
    private var lookedAt: ContinuousClock.Instant?
    private var links: [RedisEndpoint: Task<RedisClient, any Error>] = [:]
    private var resting: [RedisEndpoint: (until: ContinuousClock.Instant, reason: String)] = [:]
    private var isOver = false

    /// - Parameter configuration: of the connection; the other nodes get the same login and TLS settings.
    init(_ configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup) {
        var member = configuration
        (member.use, member.demand, member.sentinelMaster, member.isPinned) = (.watch, nil, nil, true)
        member.connectTimeoutMilliseconds = min(member.connectTimeoutMilliseconds, Self.patience)
        member.answerTimeoutMilliseconds = min(member.answerTimeoutMilliseconds, Self.patience)
        self.configuration = member
        self.eventLoopGroup = eventLoopGroup
    }

    nonisolated func abandon() { Task { await end() } }

    private func end() {
        isOver = true
        for link in links.values {
            link.cancel()
            Task { await (try? link.value)?.close() }
        }
        links = [:]
    }

    func answer(_ command: [RESPArgument], askedOf client: RedisClient) async throws -> RESPValue? {
        guard let question = ClusterQuestion(command) else { return nil }
        let own = try await client.askServer(command)
        if question == .key { return try await follow(own, command, client) }
        if case .error = own { return own }
        let others = try await others(of: client)
        guard !others.isEmpty else { return own }
        // Concurrently: several nodes that do not answer cost one timeout only.
        let asked = others.map { other in
            (configuration.learned?.number(of: other.place) ?? 0, Task { try await ask(command, of: other.place) })
        }
        var replies: [(number: Int, reply: RESPValue)] = []
        for (number, task) in asked { replies.append((number, try await task.value)) }
        guard let answer = question.merge(own, replies) else {
            throw RedisError.clusterIncomplete(reason: "the replies of its nodes do not match")
        }
        return answer
    }

    // MARK: - The nodes

    /// The nodes of the cluster, read again if the last reply is older than `nodesLast`.
    ///
    /// - Returns: nil if the server does not report them, with the reason in `refusal`.
    /// - Throws: `RedisError` if the connection has failed.
    func current(_ client: RedisClient, isForced: Bool = false) async throws -> ClusterNodes? {
        let now = ContinuousClock.now
        if !isForced, let lookedAt, now - lookedAt < Self.nodesLast { return nodes }
        lookedAt = now
        async let told = client.askServer(["CLUSTER", "MYID"])
        let shards = try await client.askServer(["CLUSTER", "SHARDS"])
        ownID = try await told.text?.lowercased()
        nodes = ClusterNodes(shards: shards, from: client.server, usesTLS: configuration.tls != nil)
        if case .error(let text) = shards {
            refusal = "CLUSTER SHARDS is refused: \(text.prefix(200))"
        } else if nodes == nil {
            refusal = "the reply to CLUSTER SHARDS is not understood"
        }
        if let nodes { configuration.learned?.learn(nodes.all.map(\.place)) }
        return nodes
    }

    /// Those to query besides the connected one.
    private func others(of client: RedisClient) async throws -> [ClusterNode] {
        guard let nodes = try await current(client) else { throw RedisError.clusterIncomplete(reason: refusal) }
        guard let ownID else { throw RedisError.clusterIncomplete(reason: "CLUSTER MYID is refused") }
        let others = nodes.all.filter { $0.isUp && $0.id != ownID }
        guard nodes.unreadable == 0 else {
            throw RedisError.clusterIncomplete(
                reason: "\(nodes.unreadable) of its nodes announce no usable address")
        }
        guard others.count <= Self.limit else {
            throw RedisError.clusterIncomplete(
                reason: "it has \(others.count + 1) nodes, more than the limit of \(Self.limit + 1)")
        }
        return others
    }

    /// How much of the cluster can be queried. Tries the nodes until one cannot be.
    func reach(_ client: RedisClient) async throws -> ClusterReach {
        var reach = ClusterReach(nodes: try await current(client)?.all ?? [], refusal: nil)
        do {
            for other in try await others(of: client) { _ = try await ask(["PING"], of: other.place) }
        } catch let error as RedisError where error.concernsOneAnswer {
            reach.refusal = error.description
        }
        return reach
    }

    // MARK: - Queries

    /// Queries the node that has the key, if `reply` is a redirection to another one.
    private func follow(_ reply: RESPValue, _ command: [RESPArgument], _ client: RedisClient) async throws -> RESPValue
    {
        guard case .error(let text) = reply else { return reply }
        if text.hasPrefix("ASK ") {
            throw RedisError.clusterIncomplete(reason: "the slot of the key is being moved to another node")
        }
        if text.hasPrefix("CLUSTERDOWN") {
            throw RedisError.clusterIncomplete(reason: "no node serves the slot of the key (\(text.prefix(200)))")
        }
        guard text.hasPrefix("MOVED ") else { return reply }
        guard let redirect = ClusterRedirect(error: text, from: client.server) else {
            throw RedisError.clusterIncomplete(
                reason: "the node that has the key announces no usable address")
        }
        // The login is sent to nodes of the cluster only.
        var isKnown = try await current(client)?.all.contains { $0.place == redirect.place } ?? false
        if !isKnown {
            isKnown = try await current(client, isForced: true)?.all.contains { $0.place == redirect.place } ?? false
        }
        guard isKnown else {
            throw RedisError.clusterIncomplete(
                reason:
                    "\(redirect.place) has the key, but \(nodes == nil ? refusal : "CLUSTER SHARDS does not name it")")
        }
        let answer = try await ask(command, of: redirect.place, refusesErrors: false)
        if case .error(let text) = answer, ["MOVED ", "ASK ", "CLUSTERDOWN"].contains(where: { text.hasPrefix($0) }) {
            throw RedisError.clusterIncomplete(reason: "the slot of the key is being moved to another node")
        }
        return answer
    }

    /// - Parameter refusesErrors: throws for an error reply too.
    private func ask(
        _ command: [RESPArgument], of place: RedisEndpoint, refusesErrors: Bool = true
    ) async throws -> RESPValue {
        if let resting = resting[place] {
            guard resting.until < .now else { throw RedisError.clusterIncomplete(reason: resting.reason) }
            self.resting[place] = nil
        }
        let isNew = links[place] == nil
        let link = try link(to: place)
        do {
            let reply = try await link.value.askServer(command)
            guard refusesErrors, case .error(let text) = reply else { return reply }
            throw RedisError.clusterIncomplete(reason: "\(place) replies '\(text.prefix(200))'")
        } catch let error as RedisError {
            if case .clusterIncomplete = error { throw error }
            if links[place] == link { links[place] = nil }
            // An open connection may have ended since the last command.
            if !isNew { return try await ask(command, of: place, refusesErrors: refusesErrors) }
            resting[place] = (.now + Self.rest, error.description)
            lookedAt = nil
            throw RedisError.clusterIncomplete(reason: error.description)
        }
    }

    private func link(to place: RedisEndpoint) throws -> Task<RedisClient, any Error> {
        if isOver { throw CancellationError() }
        if let link = links[place] { return link }
        let link = Task { [configuration, eventLoopGroup] in
            try await RedisClient.connect(
                to: place, of: configuration, purpose: .server, on: eventLoopGroup.next())
        }
        links[place] = link
        return link
    }
}

/// How much of a cluster can be queried.
package struct ClusterReach: Sendable, Equatable {
    /// Those that the connected node announces.
    package var nodes: [ClusterNode]
    /// Why not all of them can be queried; nil if they can.
    package var refusal: String?

    /// - Parameters: as the properties of the same names.
    package init(nodes: [ClusterNode], refusal: String?) {
        self.nodes = nodes
        self.refusal = refusal
    }
}

extension RedisClient {
    /// Whether its answers about subscribers, channels and counters cover the whole cluster: see
    /// ``spanCluster(_:)``.
    package var answersForCluster: Bool { router.withLock { $0 is ClusterMembers } }

    /// If the server is a node of a cluster, `PUBSUB NUMSUB`, `PUBSUB CHANNELS`, `INFO stats` (the number of channels)
    /// and `CLIENT LIST TYPE pubsub` are answered for all its nodes from now on, and `GET` by the node that has the key.
    ///
    /// - Returns: whether it is a node of a cluster.
    /// - Throws: ``RedisError`` if the connection has failed. Later such a command throws
    ///   ``RedisError/clusterIncomplete(reason:)`` while not every node can be queried.
    @discardableResult
    package func spanCluster(_ eventLoopGroup: any EventLoopGroup) async throws -> Bool {
        if answersForCluster { return true }
        guard try await isCluster(nil) == true else { return false }
        configuration.learned?.foundCluster()
        let members = ClusterMembers(configuration, eventLoopGroup: eventLoopGroup)
        _ = try await members.current(self)
        router.withLock { $0 = members }
        return true
    }

    /// How much of the cluster can be queried; nil if the server is not a node of one, or without ``spanCluster(_:)``.
    package func clusterReach() async throws -> ClusterReach? {
        guard let members = router.withLock({ $0 }) as? ClusterMembers else { return nil }
        return try await members.reach(self)
    }

    /// What the node reports about its cluster.
    ///
    /// - Returns: nil if it reports nothing, or the command is not permitted.
    /// - Throws: ``RedisError`` if the connection has failed.
    package func clusterState() async throws -> ClusterState? {
        do {
            return try await send(["CLUSTER", "INFO"]).text.flatMap { ClusterState(info: $0) }
        } catch let error as RedisError {
            if error.isRefusalOfCommand || error.concernsOneAnswer { return nil }
            throw error
        }
    }
}
