extension TapFacts {
    /// The questions, each optional; their replies go to ``take(_:of:)``.
    enum Question: CaseIterable {
        case role
        case info
        case syncSettings
        case replicaSettings
        /// This and the next are for servers whose INFO does not report the mode.
        case protocolVersion
        case clusterInfo

        var command: [RESPArgument] {
            switch self {
            case .role: ["ROLE"]
            case .info: ["INFO"]
            case .syncSettings: ["CONFIG", "GET", "repl-*"]
            case .replicaSettings: ["CONFIG", "GET", "min-replicas-*"]
            case .protocolVersion: ["HELLO"]
            case .clusterInfo: ["CLUSTER", "INFO"]
            }
        }

        fileprivate var isAboutCluster: Bool { self == .protocolVersion || self == .clusterInfo }
    }

    /// Asks a server over a command connection, before anything is done: for a report.
    ///
    /// - Throws: ``RedisError``, except for denied commands.
    package static func ask(_ client: RedisClient) async throws -> TapFacts {
        var facts = TapFacts(endpoint: client.endpoint)
        for question in Question.allCases where !question.isAboutCluster || facts.isCluster == nil {
            let reply = try await client.ask(question.command)
            if case .error(let text) = reply, RedisError.refusesConnection(text) {
                throw RedisError.from(reply: text, command: "INFO", endpoint: client.endpoint)
            }
            facts.take(reply, of: question)
        }
        // Affects only a sync on this connection.
        if case .error(let text) = try await client.ask(["REPLCONF", "capa", "eof", "capa", "psync2"]) {
            facts.refusedCommands["REPLCONF"] = text
        }
        if case .status = try await client.ask(["REPLCONF", "rdb-filter-only", ""]) { facts.omitsData = true }
        if let text = try await refusalOfSync(client) { facts.refusedCommands["PSYNC"] = text }
        return facts
    }

    /// - Returns: nil if PSYNC is permitted, or it is unknown, which it is before Redis 7.
    private static func refusalOfSync(_ client: RedisClient) async throws -> String? {
        if let known = try await client.ask(["COMMAND", "INFO", "psync"]).array, known.first?.array?.isEmpty != false {
            return "ERR unknown command 'PSYNC'"
        }
        guard let user = try await client.ask(["ACL", "WHOAMI"]).text else { return nil }
        switch try await client.ask(["ACL", "DRYRUN", .text(user), "PSYNC", "?", "-1"]) {
        case .bulk(let text): return "NOPERM " + String(decoding: text, as: UTF8.self)
        default: return nil
        }
    }

    /// Takes the facts from a reply; an error contains none.
    mutating func take(_ reply: RESPValue, of question: Question) {
        switch question {
        case .role:
            if case .replica? = RedisRole(reply: reply) { isReplica = true }
        case .info:
            if let text = reply.text, reply.isString { take(info: text) }
        case .syncSettings, .replicaSettings:
            guard let parts = reply.array else { return }
            var at = 0
            while at + 1 < parts.count {
                if let name = parts[at].text, let value = parts[at + 1].text { take(setting: name, value) }
                at += 2
            }
        case .protocolVersion: isClusterByAnswer = isClusterByAnswer ?? ClusterMode.reported(byHello: reply)
        case .clusterInfo: isClusterByAnswer = isClusterByAnswer ?? ClusterMode.reported(byClusterInfo: reply)
        }
    }

    private mutating func take(info text: String) {
        let fields = InfoFields(text)
        func number(_ name: String) -> Int64? { fields[name].flatMap { Int64($0) } }
        server = RedisServerInfo(infoText: text)
        if let role = fields["role"] {
            answersReplication = true
            isReplica = role != "master"
        }
        isLinked = !isReplica || fields["master_link_status"] == "up"
        history = fields["master_replid"]
        previousHistory = fields["master_replid2"].flatMap { $0.allSatisfy { $0 == "0" } ? nil : $0 }
        previousHistoryEnd = number("second_repl_offset").flatMap { $0 > 0 ? $0 : nil }
        offset = number("master_repl_offset")
        backlog = ReplicationBacklog(fields)
        backlogSize = number("repl_backlog_size")
        replicas = number("connected_slaves").map { Int($0) }
        countsGoodReplicas = fields["min_slaves_good_slaves"] != nil
        memoryBytes = number("used_memory")
        forkMicroseconds = number("latest_fork_usec").flatMap { $0 > 0 ? $0 : nil }
    }

    private mutating func take(setting name: String, _ value: String) {
        switch name {
        case "repl-diskless-sync": isDiskless = value == "yes"
        case "repl-diskless-sync-delay": syncDelaySeconds = Int(value)
        case "repl-diskless-sync-max-replicas": syncMaxReplicas = Int(value)
        case "repl-ping-replica-period": pingPeriodSeconds = Int(value)
        case "min-replicas-to-write": minReplicasToWrite = Int(value)
        default: break
        }
    }
}

extension RESPValue {
    fileprivate var isString: Bool { if case .bulk = self { true } else { false } }
}
