import Testing

@testable import Redis

@Suite struct SubscriberHandshakeTests {
    private static let ok = RESPValue.status("OK")
    private static let info = RESPValue.bulk(Array("redis_version:7.0.15\r\nrun_id:abc\r\n".utf8))
    private static let plain = RedisConfiguration(host: "redis")
    private static let login = RedisConfiguration(host: "redis", username: "relay", password: Secret("hunter2"))

    private static func confirmation(_ channel: String) -> RESPValue {
        .array([.bulk(Array("subscribe".utf8)), .bulk(Array(channel.utf8)), .integer(1)])
    }

    private static func unexpected(_ summary: String) -> SubscriberHandshake.Action {
        .fail(.unexpectedReply(command: "SUBSCRIBE", reply: summary))
    }

    // MARK: - What is sent

    @Test(
        arguments: [
            (plain, []),
            (RedisConfiguration(host: "redis", password: Secret("hunter2")), [["AUTH", "hunter2"]]),
            (login, [["AUTH", "relay", "hunter2"]]),
        ] as [(RedisConfiguration, [[RESPArgument]])])
    func commands(configuration: RedisConfiguration, auth: [[RESPArgument]]) {
        let handshake = SubscriberHandshake(configuration: configuration, channels: ["chat", "orders"])
        #expect(
            handshake.commands == auth + [
                ["CLIENT", "SETNAME", "backplane-relay"], ["INFO"], ["SUBSCRIBE", "chat", "orders"],
            ])
    }

    // MARK: - What is made of the answers

    struct Transition: Sendable, CustomTestStringConvertible {
        let name: String
        let configuration: RedisConfiguration
        /// What the server answered before, all well.
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
        .fail(.authenticationFailed(endpoint: "redis:6379", reply: reply))
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
        // INFO
        Transition("INFO answered", after: [ok], info, .wait),
        Transition("INFO not permitted", after: [ok], .error(noPerm), .wait),
        Transition("INFO of another kind", after: [ok], .null, .wait),
        Transition("INFO before login", after: [.error(noPerm)], .error(noAuth), authFailed(noAuth)),
        // SUBSCRIBE
        Transition("one of two", after: [ok, info], confirmation("chat"), .wait),
        Transition("second of two", after: [ok, info, confirmation("chat")], confirmation("orders"), .subscribed),
        Transition("in any order", after: [ok, info, confirmation("orders")], confirmation("chat"), .subscribed),
        Transition("the same twice", after: [ok, info, confirmation("chat")], confirmation("chat"), .wait),
        Transition("a stranger", after: [ok, info], confirmation("stranger"), .wait),
        Transition(
            "SUBSCRIBE not permitted", after: [ok, info], .error(noPerm),
            .fail(.notPermitted(endpoint: "redis:6379", command: "SUBSCRIBE", reply: noPerm))),
        Transition(
            "SUBSCRIBE while loading", after: [ok, info], .error("LOADING Redis is loading"),
            .fail(.serverError(command: "SUBSCRIBE", reply: "LOADING Redis is loading"))),
        Transition("SUBSCRIBE answered by a status", after: [ok, info], ok, unexpected("status 'OK'")),
        Transition("SUBSCRIBE answered by a number", after: [ok, info], .integer(1), unexpected("integer 1")),
        Transition("SUBSCRIBE answered by nil", after: [ok, info], .null, unexpected("nil")),
        Transition("SUBSCRIBE answered by text", after: [ok, info], .bulk([0x61]), unexpected("a string of 1 bytes")),
        Transition("array of two", after: [ok, info], .array([.null, .null]), unexpected("an array of 2")),
        Transition(
            "another word", after: [ok, info],
            .array([.bulk(Array("unsubscribe".utf8)), .bulk(Array("chat".utf8)), .integer(0)]),
            unexpected("an array of 3")),
        Transition(
            "no channel name", after: [ok, info], .array([.bulk(Array("subscribe".utf8)), .null, .integer(0)]),
            unexpected("an array of 3")),
        // After the end
        Transition(
            "a late reply", after: [ok, info, confirmation("chat"), confirmation("orders")], ok, .subscribed),
    ])
    func answers(transition: Transition) {
        var handshake = SubscriberHandshake(configuration: transition.configuration, channels: ["chat", "orders"])
        for reply in transition.before { _ = handshake.received(reply) }
        #expect(handshake.received(transition.reply) == transition.expected)
    }

    @Test func noErrorShowsThePassword() {
        var handshake = SubscriberHandshake(configuration: Self.login, channels: ["chat"])
        let reply = RESPValue.error("ERR unknown command 'AUTH', with args beginning with: 'relay' 'hunter2' ")
        guard case .fail(let error) = handshake.received(reply) else {
            Issue.record("an unknown AUTH was accepted")
            return
        }
        #expect(!error.description.contains("hunter2"))
    }

    @Test func serverInfoIsKept() {
        var handshake = SubscriberHandshake(configuration: Self.plain, channels: ["chat"])
        #expect(handshake.serverInfo == nil)
        for reply in [Self.ok, Self.info] { _ = handshake.received(reply) }
        #expect(handshake.serverInfo?.runID == "abc")
        #expect(handshake.serverInfo?.version == "7.0.15")
    }

    @Test func serverInfoIsNilWhereINFOIsDenied() {
        var handshake = SubscriberHandshake(configuration: Self.plain, channels: ["chat"])
        for reply in [Self.ok, .error(Self.noPerm)] { _ = handshake.received(reply) }
        #expect(handshake.received(Self.confirmation("chat")) == .subscribed)
        #expect(handshake.serverInfo == nil)
    }

    @Test func manyChannels() {
        let channels = (0..<1000).map { "channel\($0)" }
        var handshake = SubscriberHandshake(configuration: Self.plain, channels: channels)
        for reply in [Self.ok, Self.info] { _ = handshake.received(reply) }
        for channel in channels.dropLast() { #expect(handshake.received(Self.confirmation(channel)) == .wait) }
        #expect(handshake.received(Self.confirmation("channel999")) == .subscribed)
    }

    /// The same channel given twice is confirmed twice; the second confirmation means nothing new.
    @Test func channelGivenTwice() {
        var handshake = SubscriberHandshake(configuration: Self.plain, channels: ["chat", "chat"])
        for reply in [Self.ok, Self.info] { _ = handshake.received(reply) }
        #expect(handshake.received(Self.confirmation("chat")) == .subscribed)
    }
}
