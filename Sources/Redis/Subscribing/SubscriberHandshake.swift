/// The initial commands of a subscriber and the handling of their replies: AUTH, CLIENT SETNAME, CLIENT ID, ROLE, INFO,
/// SUBSCRIBE, PSUBSCRIBE, all sent at once; with a password file HELLO 3 before SUBSCRIBE, because only RESP3 admits AUTH
/// while subscribed.
///
/// Queries precede SUBSCRIBE, while they are allowed: a restarted server is recognized before its first envelope, and a
/// replica before it is used.
struct SubscriberHandshake {
    enum Action: Equatable {
        case wait
        /// Every name is confirmed.
        case subscribed
        case fail(RedisError)
    }

    private enum Step: Equatable {
        case auth
        case setName
        case connectionID
        case role
        case info
        case hello
        case subscribe
        case subscribePatterns
    }

    private let configuration: RedisConfiguration
    private let credentials: RedisCredentials?
    private let endpoint: String
    private let channels: [[UInt8]]
    private let patterns: [[UInt8]]
    private var steps: [Step]
    /// Compared by bytes: two Unicode forms of a text are equal in Swift but two channels in Redis.
    private var unconfirmed: Set<[UInt8]>
    /// Data from the server; nil for what is not permitted.
    private(set) var subscription: Subscription

    /// - Parameters:
    ///   - endpoint: the server's, for errors.
    ///   - names: what to subscribe to; without any the connection waits for the first.
    init(
        configuration: RedisConfiguration, credentials: RedisCredentials?, endpoint: String,
        names: [SubscribedName.Key]
    ) {
        self.configuration = configuration
        self.credentials = credentials
        self.endpoint = endpoint
        channels = names.filter { !$0.isPattern }.map(\.name)
        patterns = names.filter(\.isPattern).map(\.name)
        steps =
            (credentials == nil ? [] : [.auth]) + [.setName, .connectionID, .role, .info]
            + (configuration.passwordFile == nil ? [] : [.hello])
            + (channels.isEmpty ? [] : [.subscribe]) + (patterns.isEmpty ? [] : [.subscribePatterns])
        unconfirmed = Set(channels.isEmpty ? patterns : channels)
        subscription = Subscription(server: nil, endpoint: endpoint)
    }

    /// The commands in order.
    var commands: [[RESPArgument]] {
        var commands: [[RESPArgument]] = []
        if let credentials { commands.append(credentials.authCommand) }
        commands.append(["CLIENT", "SETNAME", .text(configuration.printableClientName)])
        commands.append(["CLIENT", "ID"])
        commands.append(["ROLE"])
        commands.append(["INFO"])
        if configuration.passwordFile != nil { commands.append(["HELLO", "3"]) }
        if !channels.isEmpty { commands.append(["SUBSCRIBE"] + channels.map { .bytes($0) }) }
        if !patterns.isEmpty { commands.append(["PSUBSCRIBE"] + patterns.map { .bytes($0) }) }
        return commands
    }

    /// One reply of the server.
    mutating func received(_ reply: RESPValue) -> Action {
        guard let step = steps.first else { return .subscribed }
        switch step {
        case .auth:
            if case .error(let text) = reply {
                return fail(credentials?.scrubbed(text) ?? text, command: "AUTH")
            }
        case .setName, .connectionID:
            // Optional commands: an ACL that denies CLIENT must not prevent the subscription.
            if let refusal = refusal(reply, command: "CLIENT") { return refusal }
            if step == .connectionID { subscription.connectionID = reply.integer.map { Int($0) } }
        case .role:
            if let refusal = refusal(reply, command: "ROLE") { return refusal }
            if let role = RedisRole(reply: reply) {
                if let objection = configuration.objection(to: role, at: endpoint) { return .fail(objection) }
                if case .replica(let master, _) = role { subscription.role = .replica(of: master.description) }
            }
        case .info:
            // Not fatal if not permitted: it only costs the detail of some causes.
            if let refusal = refusal(reply, command: "INFO") { return refusal }
            if case .bulk(let text) = reply {
                let text = String(decoding: text, as: UTF8.self)
                let info = RedisServerInfo(infoText: text)
                if let objection = configuration.objection(to: info, at: endpoint) { return .fail(objection) }
                subscription.server = info
                subscription.replication = ReplicationReport(info: text)
                if info.role == "slave", subscription.role == .master { subscription.role = .replica(of: info.master) }
            }
        case .hello:
            // A server that speaks only RESP2 says so again when the password changes.
            if let refusal = refusal(reply, command: "HELLO") { return refusal }
        case .subscribe: return confirmed(by: reply, command: "SUBSCRIBE", names: channels)
        case .subscribePatterns: return confirmed(by: reply, command: "PSUBSCRIBE", names: patterns)
        }
        return stepDone()
    }

    private mutating func stepDone() -> Action {
        steps.removeFirst()
        if steps.first == .subscribePatterns { unconfirmed = Set(patterns) }
        return steps.isEmpty ? .subscribed : .wait
    }

    private mutating func confirmed(by reply: RESPValue, command: String, names: [[UInt8]]) -> Action {
        if case .error(let text) = reply {
            return fail(text, command: command, names: names.map { String(decoding: $0, as: UTF8.self) })
        }
        guard let parts = reply.array, parts.count == 3, parts[0].text == command.lowercased(),
            case .bulk(let name) = parts[1]
        else {
            return .fail(.unexpectedReply(command: command, reply: reply.summary))
        }
        unconfirmed.remove(name)
        return unconfirmed.isEmpty ? stepDone() : .wait
    }

    /// Nil if the reply only denies the command.
    private func refusal(_ reply: RESPValue, command: String) -> Action? {
        guard case .error(let text) = reply, RedisError.refusesConnection(text) else { return nil }
        return fail(text, command: command)
    }

    private func fail(_ reply: String, command: String, names: [String] = []) -> Action {
        .fail(
            .from(reply: reply, command: command, endpoint: endpoint, user: configuration.aclUser, names: names))
    }
}
