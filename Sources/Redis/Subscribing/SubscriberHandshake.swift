/// What a subscriber says first and what it makes of the answers: AUTH, CLIENT SETNAME, CLIENT ID, ROLE, INFO,
/// SUBSCRIBE, PSUBSCRIBE, all sent at once.
///
/// What asks comes before SUBSCRIBE, while the connection may still ask: so a restarted server is known as one before
/// its first envelope arrives, and a replica before it is listened to.
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
        case subscribe
        case subscribePatterns
    }

    private let configuration: RedisConfiguration
    private let credentials: RedisCredentials?
    private let endpoint: String
    private let channels: [[UInt8]]
    private let patterns: [[UInt8]]
    private var steps: [Step]
    /// By their bytes: to Swift two forms of one text in Unicode are equal, to Redis two channels.
    private var unconfirmed: Set<[UInt8]>
    /// What the server told; what it does not permit is nil.
    private(set) var subscription: Subscription

    /// - Parameters:
    ///   - endpoint: the server's, for errors.
    ///   - names: what to subscribe; without any the connection waits for the first.
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
            + (channels.isEmpty ? [] : [.subscribe]) + (patterns.isEmpty ? [] : [.subscribePatterns])
        unconfirmed = Set(channels.isEmpty ? patterns : channels)
        subscription = Subscription(server: nil, endpoint: endpoint)
    }

    /// The commands, in the order in which they must be sent.
    var commands: [[RESPArgument]] {
        var commands: [[RESPArgument]] = []
        if let credentials { commands.append(credentials.authCommand) }
        commands.append(["CLIENT", "SETNAME", .text(configuration.printableClientName)])
        commands.append(["CLIENT", "ID"])
        commands.append(["ROLE"])
        commands.append(["INFO"])
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
            // Courtesies: an ACL that denies CLIENT must not keep us out.
            if let refusal = refusal(reply, command: "CLIENT") { return refusal }
            if step == .connectionID { subscription.connectionID = reply.integer.map { Int($0) } }
        case .role:
            if let refusal = refusal(reply, command: "ROLE") { return refusal }
            if let role = RedisRole(reply: reply), let objection = configuration.objection(to: role, at: endpoint) {
                return .fail(objection)
            }
        case .info:
            // Not permitted is not fatal: it only costs us the name of some causes.
            if let refusal = refusal(reply, command: "INFO") { return refusal }
            if case .bulk(let text) = reply {
                let info = RedisServerInfo(infoText: String(decoding: text, as: UTF8.self))
                if let objection = configuration.objection(to: info, at: endpoint) { return .fail(objection) }
                subscription.server = info
            }
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
