import Testing

@testable import Redis

@Suite struct SubscriberHandshakeTests {
    private static let ok = RESPValue.status("OK")
    private static let info = RESPValue.bulk(Array("redis_version:7.0.15\r\nrun_id:abc\r\n".utf8))
    private static let plain = RedisConfiguration(host: "redis")
    private static let login = RedisConfiguration(host: "redis", username: "relay", password: Secret("hunter2"))

    private static let id = RESPValue.integer(7)
    private static let master = RESPValue.array([.bulk(Array("master".utf8)), .integer(0), .array([])])
    private static let replica = RESPValue.array([
        .bulk(Array("slave".utf8)), .bulk(Array("10.0.0.1".utf8)), .integer(6379), .bulk(Array("connected".utf8)),
        .integer(0),
    ])
    private static let watched = RedisConfiguration(
        servers: [.tcp(host: "sentinel", port: 26379)], sentinelMaster: "mymaster")

    private static func handshake(
        _ configuration: RedisConfiguration, channels: [String] = ["chat", "orders"]
    ) throws -> SubscriberHandshake {
        SubscriberHandshake(
            configuration: configuration, credentials: try configuration.credentials(), endpoint: "redis:6379",
            channels: channels)
    }

    private static func info(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    private static func confirmation(_ channel: String) -> RESPValue {
        .array([.bulk(Array("subscribe".utf8)), .bulk(Array(channel.utf8)), .integer(1)])
    }

    private static func unexpected(_ summary: String) -> SubscriberHandshake.Action {
        .fail(.unexpectedReply(command: "SUBSCRIBE", reply: summary))
    }

    // MARK: - Requests

    @Test(
        arguments: [
            (plain, []),
            (RedisConfiguration(host: "redis", password: Secret("hunter2")), [["AUTH", "hunter2"]]),
            (login, [["AUTH", "relay", "hunter2"]]),
        ] as [(RedisConfiguration, [[RESPArgument]])])
    func commands(configuration: RedisConfiguration, auth: [[RESPArgument]]) throws {
        let handshake = try Self.handshake(configuration)
        #expect(
            handshake.commands == auth + [
                ["CLIENT", "SETNAME", "backplane-relay"], ["CLIENT", "ID"], ["ROLE"], ["INFO"],
                ["SUBSCRIBE", .bytes(Array("chat".utf8)), .bytes(Array("orders".utf8))],
            ])
    }

    @Test("patterns are confirmed after channels; without any name the connection waits for the first")
    func patterns() throws {
        let answers: [RESPValue] = [Self.ok, Self.id, Self.master, Self.info]
        func handshake(_ names: [SubscribedName.Key]) -> SubscriberHandshake {
            SubscriberHandshake(configuration: Self.plain, credentials: nil, endpoint: "redis:6379", names: names)
        }
        let (channel, pattern) = (
            SubscribedName.Key(name: Array("a".utf8), isPattern: false),
            SubscribedName.Key(name: Array("a*".utf8), isPattern: true)
        )
        let confirmed = RESPValue.array([.bulk(Array("psubscribe".utf8)), .bulk(pattern.name), .integer(2)])
        var both = handshake([pattern, channel])
        #expect(
            both.commands.suffix(2) == [["SUBSCRIBE", .bytes(channel.name)], ["PSUBSCRIBE", .bytes(pattern.name)]])
        for answer in answers + [Self.confirmation("a")] { #expect(both.received(answer) == .wait) }
        #expect(both.received(confirmed) == .subscribed)
        var one = handshake([pattern])
        #expect(one.commands.last == ["PSUBSCRIBE", .bytes(pattern.name)])
        for answer in answers { #expect(one.received(answer) == .wait) }
        #expect(one.received(confirmed) == .subscribed)
        var none = handshake([])
        #expect(none.commands.last == ["INFO"])
        for answer in answers.dropLast() { #expect(none.received(answer) == .wait) }
        #expect(none.received(Self.info) == .subscribed)
    }

    // MARK: - Replies

    struct Transition: Sendable, CustomTestStringConvertible {
        let name: String
        let configuration: RedisConfiguration
        /// Successful earlier replies.
        let before: [RESPValue]
        let reply: RESPValue
        let expected: SubscriberHandshake.Action

        var testDescription: String { name }

        init(
            _ name: String, _ configuration: RedisConfiguration = plain, after before: [RESPValue], _ reply: RESPValue,
            _ expected: SubscriberHandshake.Action
        ) {
            self.name = name
            self.configuration = configuration
            self.before = before
            self.reply = reply
            self.expected = expected
        }
    }

    private static func authFailed(_ reply: String) -> SubscriberHandshake.Action {
        reply == noAuth
            ? .fail(.authenticationRequired(endpoint: "redis:6379"))
            : .fail(.authenticationFailed(endpoint: "redis:6379", reply: reply))
    }

    private static let wrongPass = "WRONGPASS invalid username-password pair or user is disabled."
    private static let noAuth = "NOAUTH Authentication required."
    private static let noPerm = "NOPERM this user has no permissions to run the command"
    private static let full = "ERR max number of clients reached"
    private static let denied = "DENIED Redis is running in protected mode"

    @Test(arguments: [
        // AUTH
        Transition("AUTH accepted", login, after: [], ok, .wait),
        Transition("AUTH wrong", login, after: [], .error(wrongPass), authFailed(wrongPass)),
        Transition(
            "AUTH where none is needed", login, after: [], .error("ERR Client sent AUTH, but no password is set"),
            authFailed("ERR Client sent AUTH, but no password is set")),
        Transition(
            "AUTH while full", login, after: [], .error(full), .fail(.serverError(command: "AUTH", reply: full))),
        // CLIENT SETNAME
        Transition("name accepted", after: [], ok, .wait),
        Transition("name not permitted", after: [], .error(noPerm), .wait),
        Transition("name unknown", after: [], .error("ERR unknown command 'CLIENT'"), .wait),
        Transition("name before login", after: [], .error(noAuth), authFailed(noAuth)),
        Transition(
            "name while full", after: [], .error(full), .fail(.serverError(command: "CLIENT", reply: full))),
        Transition(
            "name in protected mode", after: [], .error(denied), .fail(.serverError(command: "CLIENT", reply: denied))),
        // CLIENT ID
        Transition("id answered", after: [ok], id, .wait),
        Transition("id not permitted", after: [ok], .error(noPerm), .wait),
        Transition("id unknown", after: [ok], .error("ERR unknown subcommand 'ID'"), .wait),
        // ROLE
        Transition("a master", after: [ok, id], master, .wait),
        Transition("ROLE not permitted", after: [ok, id], .error(noPerm), .wait),
        Transition("ROLE of another shape", after: [ok, id], .array([.null]), .wait),
        Transition(
            "a replica", after: [ok, id], replica,
            .fail(.replica(endpoint: "redis:6379", master: "10.0.0.1:6379"))),
        Transition(
            "a master of the sentinels that is none any more", watched, after: [ok, id], replica,
            .fail(.demotedMaster(endpoint: "redis:6379", name: "mymaster"))),
        Transition(
            "a sentinel", after: [ok, id], .array([.bulk(Array("sentinel".utf8)), .array([])]),
            .fail(.sentinel(endpoint: "redis:6379"))),
        // INFO
        Transition(
            "cluster mode", after: [ok, id, master], info("redis_mode:cluster\r\nrole:master\r\n"),
            .fail(.clusterMode(endpoint: "redis:6379"))),
        Transition(
            "a replica that denies ROLE", after: [ok, id, .error(noPerm)],
            info("role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n"),
            .fail(.replica(endpoint: "redis:6379", master: "10.0.0.1:6379"))),
        Transition("INFO answered", after: [ok, id, master], info, .wait),
        Transition("INFO not permitted", after: [ok, id, master], .error(noPerm), .wait),
        Transition("INFO of another kind", after: [ok, id, master], .null, .wait),
        Transition(
            "INFO before login", after: [.error(noPerm), .error(noPerm), .error(noPerm)], .error(noAuth),
            authFailed(noAuth)),
        // SUBSCRIBE
        Transition("one of two", after: [ok, id, master, info], confirmation("chat"), .wait),
        Transition(
            "second of two", after: [ok, id, master, info, confirmation("chat")], confirmation("orders"), .subscribed),
        Transition(
            "in any order", after: [ok, id, master, info, confirmation("orders")], confirmation("chat"), .subscribed),
        Transition("the same twice", after: [ok, id, master, info, confirmation("chat")], confirmation("chat"), .wait),
        Transition("a stranger", after: [ok, id, master, info], confirmation("stranger"), .wait),
        Transition(
            "SUBSCRIBE not permitted", after: [ok, id, master, info], .error(noPerm),
            .fail(
                .notPermitted(
                    endpoint: "redis:6379", command: "SUBSCRIBE", reply: noPerm,
                    rule: "ACL SETUSER default +subscribe"))),
        Transition(
            "SUBSCRIBE while loading", after: [ok, id, master, info], .error("LOADING Redis is loading"),
            .fail(.loading(endpoint: "redis:6379"))),
        Transition("SUBSCRIBE answered by a status", after: [ok, id, master, info], ok, unexpected("status 'OK'")),
        Transition(
            "SUBSCRIBE answered by a number", after: [ok, id, master, info], .integer(1), unexpected("integer 1")),
        Transition("SUBSCRIBE answered by nil", after: [ok, id, master, info], .null, unexpected("nil")),
        Transition(
            "SUBSCRIBE answered by text", after: [ok, id, master, info], .bulk([0x61]),
            unexpected("a string of 1 B")),
        Transition(
            "array of two", after: [ok, id, master, info], .array([.null, .null]), unexpected("an array of 2")),
        Transition(
            "another word", after: [ok, id, master, info],
            .array([.bulk(Array("unsubscribe".utf8)), .bulk(Array("chat".utf8)), .integer(0)]),
            unexpected("an array of 3")),
        Transition(
            "no channel name", after: [ok, id, master, info],
            .array([.bulk(Array("subscribe".utf8)), .null, .integer(0)]),
            unexpected("an array of 3")),
        // After the end
        Transition(
            "a late reply", after: [ok, id, master, info, confirmation("chat"), confirmation("orders")], ok, .subscribed
        ),
    ])
    func answers(transition: Transition) throws {
        var handshake = try Self.handshake(transition.configuration)
        for reply in transition.before { _ = handshake.received(reply) }
        #expect(handshake.received(transition.reply) == transition.expected)
    }

    @Test func noErrorShowsThePassword() throws {
        var handshake = try Self.handshake(Self.login, channels: ["chat"])
        let reply = RESPValue.error("ERR unknown command 'AUTH', with args beginning with: 'relay' 'hunter2' ")
        guard case .fail(let error) = handshake.received(reply) else {
            Issue.record("an unknown AUTH was accepted")
            return
        }
        #expect(!error.description.contains("hunter2"))
    }

    @Test func serverInfoIsKept() throws {
        var handshake = try Self.handshake(Self.plain, channels: ["chat"])
        #expect(handshake.subscription.server == nil)
        for reply in [Self.ok, Self.id, Self.master, Self.info] { _ = handshake.received(reply) }
        #expect(handshake.subscription.server?.runID == "abc")
        #expect(handshake.subscription.server?.version == "7.0.15")
        #expect(handshake.subscription.connectionID == 7)
        #expect(handshake.subscription.endpoint == "redis:6379")
    }

    @Test func serverInfoIsNilIfINFOIsDenied() throws {
        var handshake = try Self.handshake(Self.plain, channels: ["chat"])
        for reply in [Self.ok, Self.id, Self.master, .error(Self.noPerm)] { _ = handshake.received(reply) }
        #expect(handshake.received(Self.confirmation("chat")) == .subscribed)
        #expect(handshake.subscription.server == nil)
    }

    @Test func manyChannels() throws {
        let channels = (0..<1000).map { "channel\($0)" }
        var handshake = try Self.handshake(Self.plain, channels: channels)
        for reply in [Self.ok, Self.id, Self.master, Self.info] { _ = handshake.received(reply) }
        for channel in channels.dropLast() { #expect(handshake.received(Self.confirmation(channel)) == .wait) }
        #expect(handshake.received(Self.confirmation("channel999")) == .subscribed)
    }

    /// A channel given twice is confirmed twice; the second confirmation changes nothing.
    @Test func channelGivenTwice() throws {
        var handshake = try Self.handshake(Self.plain, channels: ["chat", "chat"])
        for reply in [Self.ok, Self.id, Self.master, Self.info] { _ = handshake.received(reply) }
        #expect(handshake.received(Self.confirmation("chat")) == .subscribed)
    }
}
