/// What a subscriber says first and what it makes of the answers: AUTH, CLIENT SETNAME, CLIENT ID, ROLE, INFO,
/// SUBSCRIBE, all sent at once.
///
/// What asks comes before SUBSCRIBE, while the connection may still ask: so a restarted server is known as one before
/// its first envelope arrives, and a replica before it is listened to.
struct SubscriberHandshake {
    enum Action: Equatable {
        case wait
        /// Every channel is confirmed.
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
    }

    private let configuration: RedisConfiguration
    private let credentials: RedisCredentials?
    private let endpoint: String
    private let channels: [String]
    private var steps: [Step]
    /// By their bytes: to Swift two forms of one text in Unicode are equal, to Redis two channels.
    private var unconfirmed: Set<[UInt8]>
    /// What the server told; what it does not permit is nil.
    private(set) var subscription: Subscription

    /// - Parameter endpoint: the server's, for errors.
    init(configuration: RedisConfiguration, credentials: RedisCredentials?, endpoint: String, channels: [String]) {
        precondition(!channels.isEmpty)
        self.configuration = configuration
        self.credentials = credentials
        self.endpoint = endpoint
        self.channels = channels
        steps = (credentials == nil ? [] : [.auth]) + [.setName, .connectionID, .role, .info, .subscribe]
        unconfirmed = Set(channels.map { Array($0.utf8) })
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
        commands.append(["SUBSCRIBE"] + channels.map { .text($0) })
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
        case .subscribe:
            return confirmed(by: reply)
        }
        steps.removeFirst()
        return .wait
    }

    private mutating func confirmed(by reply: RESPValue) -> Action {
        if case .error(let text) = reply { return fail(text, command: "SUBSCRIBE", names: channels) }
        guard let parts = reply.array, parts.count == 3, parts[0].text == "subscribe", let name = parts[1].text
        else {
            return .fail(.unexpectedReply(command: "SUBSCRIBE", reply: reply.summary))
        }
        unconfirmed.remove(Array(name.utf8))
        guard unconfirmed.isEmpty else { return .wait }
        steps.removeFirst()
        return .subscribed
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
