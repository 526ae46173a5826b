/// What a subscriber says first and what it makes of the answers: AUTH, CLIENT SETNAME, INFO, SUBSCRIBE, all
/// sent at once.
///
/// INFO comes before SUBSCRIBE, while the connection may still ask: so a restarted server is known as one before its
/// first envelope arrives.
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
        case info
        case subscribe
    }

    private let configuration: RedisConfiguration
    private let channels: [String]
    private var steps: [Step]
    private var unconfirmed: Set<String>
    /// The answer to INFO; nil if the server did not permit it.
    private(set) var serverInfo: RedisServerInfo?

    init(configuration: RedisConfiguration, channels: [String]) {
        precondition(!channels.isEmpty)
        self.configuration = configuration
        self.channels = channels
        steps = (configuration.password == nil ? [] : [.auth]) + [.setName, .info, .subscribe]
        unconfirmed = Set(channels)
    }

    /// The commands, in the order in which they must be sent.
    var commands: [[RESPArgument]] {
        var commands: [[RESPArgument]] = []
        if let auth = configuration.authCommand { commands.append(auth) }
        commands.append(["CLIENT", "SETNAME", .text(configuration.clientName)])
        commands.append(["INFO"])
        commands.append(["SUBSCRIBE"] + channels.map { .text($0) })
        return commands
    }

    /// One reply of the server.
    mutating func received(_ reply: RESPValue) -> Action {
        guard let step = steps.first else { return .subscribed }
        switch step {
        case .auth:
            if case .error(let text) = reply { return fail(text, command: "AUTH") }
            steps.removeFirst()
            return .wait
        case .setName:
            // A name is a courtesy: an ACL that denies CLIENT must not keep us out.
            if case .error(let text) = reply, RedisError.refusesConnection(text) {
                return fail(text, command: "CLIENT")
            }
            steps.removeFirst()
            return .wait
        case .info:
            // Not permitted is not fatal: it only costs us the name of some causes.
            if case .error(let text) = reply, RedisError.refusesConnection(text) {
                return fail(text, command: "INFO")
            }
            if case .bulk(let text) = reply {
                serverInfo = RedisServerInfo(infoText: String(decoding: text, as: UTF8.self))
            }
            steps.removeFirst()
            return .wait
        case .subscribe:
            if case .error(let text) = reply { return fail(text, command: "SUBSCRIBE") }
            guard let parts = reply.array, parts.count == 3, parts[0].text == "subscribe", let name = parts[1].text
            else {
                return .fail(.unexpectedReply(command: "SUBSCRIBE", reply: reply.summary))
            }
            unconfirmed.remove(name)
            guard unconfirmed.isEmpty else { return .wait }
            steps.removeFirst()
            return .subscribed
        }
    }

    private func fail(_ reply: String, command: String) -> Action {
        .fail(.from(reply: reply, command: command, endpoint: configuration.endpoint))
    }
}

extension RedisConfiguration {
    /// AUTH, or nil if there is no password.
    var authCommand: [RESPArgument]? {
        guard let password else { return nil }
        if let username { return ["AUTH", .text(username), .text(password.reveal())] }
        return ["AUTH", .text(password.reveal())]
    }
}
