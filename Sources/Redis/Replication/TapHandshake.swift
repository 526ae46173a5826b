/// The first commands of a tap's connection, up to PSYNC, and the handling of their replies: AUTH, CLIENT SETNAME, what
/// the server says about itself, REPLCONF; all sent at once.
struct TapHandshake {
    enum Action: Equatable {
        case wait
        /// Everything is answered; see ``TapHandshake/facts``.
        case ready
        case fail(TapFailure)
    }

    private enum Step: Equatable {
        case auth
        case setName
        case connectionID
        case ask(TapFacts.Question)
        case capabilities
        /// A full sync without keys. Optional: since Redis 7.
        case filter
    }

    /// The rights that a tap needs beside those of a subscriber.
    private static let rights = AccessRule.granting(AskedCommand.tapping)

    private let configuration: RedisConfiguration
    private let credentials: RedisCredentials?
    private var steps: [Step]
    /// What the server has said so far.
    private(set) var facts: TapFacts

    /// - Parameter endpoint: the server's.
    init(configuration: RedisConfiguration, credentials: RedisCredentials?, endpoint: String) {
        self.configuration = configuration
        self.credentials = credentials
        facts = TapFacts(endpoint: endpoint)
        steps =
            (credentials == nil ? [] : [.auth]) + [.setName, .connectionID]
            + TapFacts.Question.allCases.map { .ask($0) } + [.capabilities, .filter]
    }

    /// The commands in order. No listening port: a server that has none is never promoted.
    var commands: [[RESPArgument]] {
        steps.compactMap { step in
            switch step {
            case .auth: credentials?.authCommand
            case .setName: ["CLIENT", "SETNAME", .text(configuration.printableClientName)]
            case .connectionID: ["CLIENT", "ID"]
            case .ask(let question): question.command
            case .capabilities: ["REPLCONF", "capa", "eof", "capa", "psync2"]
            case .filter: ["REPLCONF", "rdb-filter-only", ""]
            }
        }
    }

    /// One reply of the server.
    mutating func received(_ reply: RESPValue) -> Action {
        guard let step = steps.first else { return .ready }
        if case .error(let text) = reply, let failure = failure(text, at: step) { return .fail(failure) }
        switch step {
        case .auth, .setName, .capabilities: break
        case .connectionID: facts.connectionID = reply.integer.map { Int($0) }
        case .ask(let question):
            facts.take(reply, of: question)
            if let objection = objection(reply, to: question) { return .fail(.redis(objection)) }
        case .filter: facts.omitsData = reply == .status("OK")
        }
        steps.removeFirst()
        return steps.isEmpty ? .ready : .wait
    }

    /// Why the caller's choice of servers excludes this one. Cluster mode is for ``TapPlan`` to judge.
    private func objection(_ reply: RESPValue, to question: TapFacts.Question) -> RedisError? {
        switch question {
        case .role: RedisRole(reply: reply).flatMap { configuration.objection(to: $0, at: facts.endpoint) }
        case .info where facts.isCluster != true:
            facts.server.flatMap { configuration.objection(to: $0, at: facts.endpoint) }
        case .info, .syncSettings, .replicaSettings, .protocolVersion, .clusterInfo: nil
        }
    }

    /// The failure of PSYNC.
    func refusal(ofSync reply: String) -> TapFailure { failure(reply, command: "PSYNC") }

    /// - Returns: nil if the command is optional.
    private func failure(_ reply: String, at step: Step) -> TapFailure? {
        switch step {
        case .auth: return redis(credentials?.scrubbed(reply) ?? reply, command: "AUTH")
        case .capabilities: return failure(reply, command: "REPLCONF")
        case .setName, .connectionID, .ask, .filter:
            return RedisError.refusesConnection(reply) ? redis(reply, command: "the connection") : nil
        }
    }

    private func failure(_ reply: String, command: String) -> TapFailure {
        if reply.hasPrefix("NOPERM") {
            return .redis(
                .notPermitted(
                    endpoint: facts.endpoint, command: command, reply: reply,
                    rule: AccessRule.command(adding: Self.rights, to: configuration.aclUser)))
        }
        let error = RedisError.from(reply: reply, command: command, endpoint: facts.endpoint)
        guard error.isRefusalOfCommand, case .serverError(_, let text) = error else { return .redis(error) }
        return .tap(.notOffered(endpoint: facts.endpoint, command: command, reply: text))
    }

    private func redis(_ reply: String, command: String) -> TapFailure {
        .redis(.from(reply: reply, command: command, endpoint: facts.endpoint, user: configuration.aclUser))
    }
}

/// Why there is no attachment.
enum TapFailure: Error, Equatable {
    case redis(RedisError)
    case tap(TapError)

    /// The error for callers.
    var error: any Error {
        switch self {
        case .redis(let error): error
        case .tap(let error): error
        }
    }
}
