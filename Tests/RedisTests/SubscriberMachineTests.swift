import TLS
import Testing

@testable import Redis

/// Every transition of a subscribing connection, without a network.
@Suite struct SubscriberMachineTests {
    typealias Input = SubscriberMachine.Input
    typealias Action = SubscriberMachine.Action

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let inputs: [Input]
        /// Of the last input.
        let action: Action?
        /// Whether envelopes are accepted afterwards.
        let wasSubscribed: Bool

        init(_ name: String, _ inputs: [Input], _ action: Action?, wasSubscribed: Bool = false) {
            testDescription = name
            self.inputs = inputs
            self.action = action
            self.wasSubscribed = wasSubscribed
        }
    }

    private static let closed = RedisError.connectionClosed(endpoint: "redis:6379")
    private static let noAnswer = RedisError.noAnswer(endpoint: "redis:6379", seconds: 10)
    private static let other = RedisError.tls(endpoint: "redis:6379", .notTLS)
    private static let pong = Input.reply(.array([.bulk(Array("pong".utf8)), .bulk([])]))
    private static let resp2Pong = Input.reply(.status("PONG"))
    private static let noPermission = Input.reply(.error("NOPERM no PING"))
    private static let io = Input.failed(.ioError("reset"), failure: nil)
    private static let confirmation = Input.reply(
        .array([.bulk(Array("subscribe".utf8)), .bulk(Array("chat".utf8)), .integer(1)]))
    private static let patternConfirmation = Input.reply(
        .array([.bulk(Array("psubscribe".utf8)), .bulk(Array("chat*".utf8)), .integer(2)]))
    /// Redis' replies before it confirms the channel.
    private static let greeting: [Input] = [
        .heard, .reply(.status("OK")), .reply(.integer(7)), .reply(.array([.bulk(Array("master".utf8))])),
        .reply(.bulk(Array("redis_version:7.0.15\r\n".utf8))),
    ]
    private static let joined = greeting + [confirmation]

    static let handshake: [Row] = [
        Row("bytes mean nothing yet", [.heard], nil),
        Row("a part of the greeting", Array(greeting.prefix(3)), nil),
        Row("the whole greeting without the channel", greeting, nil),
        Row(
            "every channel is confirmed", joined,
            .subscribed(
                Subscription(
                    server: RedisServerInfo(infoText: "redis_version:7.0.15\r\n"), connectionID: 7,
                    endpoint: "redis:6379")), wasSubscribed: true),
        Row("no look after a dead peer before that", [.tick, .tick, .tick], nil),
        Row("no fence before that", [.fence], nil),
        Row("no other names before that", [.change(names: 1)], nil),
        Row("refused", [.reply(.error("NOAUTH Authentication required."))], .close),
        Row(
            "a refusal is the reason", [.reply(.error("NOAUTH Authentication required.")), .inactive],
            .refused(.authenticationRequired(endpoint: "redis:6379"))),
        Row(
            "the first refusal is the reason",
            [.reply(.error("NOAUTH Authentication required.")), .reply(.error("DENIED later")), io, .inactive],
            .refused(.authenticationRequired(endpoint: "redis:6379"))),
        Row(
            "no confirmation counts after a refusal",
            [.reply(.error("NOAUTH Authentication required."))] + joined, nil),
        Row("closed by the server", [.inactive], .refused(closed)),
        Row("overdue", [.handshakeOverdue], .close),
        Row("overdue is told in seconds", greeting + [.handshakeOverdue, .inactive], .refused(noAnswer)),
        Row("an I/O error", [io], .close),
        Row(
            "an I/O error in the kernel's words", [io, .inactive],
            .refused(.cannotConnect(endpoint: "redis:6379", failure: .other("reset")))),
        Row(
            "an error with its own text", [.failed(.ioError("tls"), failure: other), .inactive],
            .refused(other)),
        Row(
            "an error while it closes", [io, .failed(.ioError("tls"), failure: other), .inactive],
            .refused(other)),
        Row(
            "not Redis", [.failed(.protocolError("got H"), failure: nil), .inactive],
            .refused(.notRedis(endpoint: "redis:6379", reason: "got H"))),
        Row("a stop", [.leave(.stopped)], .close),
        Row("a stop is the connection's end", [.leave(.stopped), .inactive], .refused(closed)),
    ]

    static let subscription: [Row] = [
        Row("a late confirmation", joined + [confirmation], nil, wasSubscribed: true),
        Row("a late limit of the handshake", joined + [.handshakeOverdue], nil, wasSubscribed: true),
        Row("the handshake was heard in the first interval", joined + [.tick], nil, wasSubscribed: true),
        Row("a quiet interval", joined + [.tick, .tick], .sendPing, wasSubscribed: true),
        Row("two quiet intervals", joined + [.tick, .tick, .tick], .close, wasSubscribed: true),
        Row(
            "a dead peer", joined + [.tick, .tick, .tick, .inactive], .disconnected(.noAnswer), wasSubscribed: true),
        Row(
            "an answer to the PING", joined + [.tick, .tick, .heard, pong, .tick], nil, wasSubscribed: true),
        Row("a busy connection", joined + [.tick, .heard, .tick, .heard, .tick], nil, wasSubscribed: true),
        Row("a fence", joined + [.fence], .sendPing, wasSubscribed: true),
        Row("a fence is passed", joined + [.fence, pong], .fence(isPassed: true), wasSubscribed: true),
        Row("a fence by RESP 2", joined + [.fence, resp2Pong], .fence(isPassed: true), wasSubscribed: true),
        Row(
            "the reply to a liveness check passes no fence",
            joined + [.tick, .tick, .fence, pong], nil, wasSubscribed: true),
        Row(
            "a fence has its own answer", joined + [.tick, .tick, .fence, pong, pong], .fence(isPassed: true),
            wasSubscribed: true),
        Row("a PONG that nobody asked for", joined + [pong], nil, wasSubscribed: true),
        Row(
            "PING is denied to a fence", joined + [.fence, noPermission], .fence(isPassed: false), wasSubscribed: true),
        Row(
            "PING is denied to the look after a dead peer: the peer is alive", joined + [.tick, .tick, noPermission],
            nil,
            wasSubscribed: true),
        Row(
            "another error to that look", joined + [.tick, .tick, .reply(.error("NOAUTH"))], .close, wasSubscribed: true
        ),
        Row("a changed password", joined + [.login], .sendLogin, wasSubscribed: true),
        Row(
            "it is accepted", joined + [.fence, .login, .reply(.status("PONG")), .reply(.status("OK"))],
            .loggedIn(.status("OK")), wasSubscribed: true),
        Row(
            "it is refused", joined + [.login, .reply(.error("WRONGPASS no"))], .loggedIn(.error("WRONGPASS no")),
            wasSubscribed: true),
        Row("a changed password while it joins", [.login], nil),
        Row("an error reply", joined + [.reply(.error("ERR going down"))], .close, wasSubscribed: true),
        Row(
            "an error reply is the cause", joined + [.reply(.error("ERR going down")), .inactive],
            .disconnected(.serverError("ERR going down")), wasSubscribed: true),
        Row("other names", joined + [.change(names: 2)], .sendChange, wasSubscribed: true),
        Row("one of two names is confirmed", joined + [.change(names: 2), confirmation], nil, wasSubscribed: true),
        Row(
            "other names are confirmed", joined + [.change(names: 2), confirmation, confirmation],
            .changed(refusal: nil), wasSubscribed: true),
        Row(
            "a pattern is confirmed", joined + [.change(names: 1), patternConfirmation], .changed(refusal: nil),
            wasSubscribed: true),
        Row(
            "a name is refused", joined + [.change(names: 2), noPermission], .changed(refusal: "NOPERM no PING"),
            wasSubscribed: true),
        Row(
            "a command that the server does not know", joined + [.change(names: 1), .reply(.error("ERR unknown"))],
            .changed(refusal: "ERR unknown"), wasSubscribed: true),
        Row(
            "a name is refused behind a fence", joined + [.fence, .change(names: 1), pong, noPermission],
            .changed(refusal: "NOPERM no PING"), wasSubscribed: true),
        Row(
            "a fence behind other names", joined + [.change(names: 1), .fence, confirmation, pong],
            .fence(isPassed: true), wasSubscribed: true),
        Row("closed by the server", joined + [.inactive], .disconnected(.closedByServer), wasSubscribed: true),
        Row("an I/O error", joined + [io, .inactive], .disconnected(.ioError("reset")), wasSubscribed: true),
        Row(
            "broken RESP", joined + [.failed(.protocolError("got ?"), failure: nil), .inactive],
            .disconnected(.protocolError("got ?")), wasSubscribed: true),
        Row("left for the master", joined + [.leave(.failover)], .close, wasSubscribed: true),
        Row(
            "left for the master is the cause", joined + [.leave(.failover), .inactive], .disconnected(.failover),
            wasSubscribed: true),
    ]

    static let leaving: [Row] = [
        Row(
            "the first cause is kept", joined + [.leave(.failover), .leave(.stopped), io, .inactive],
            .disconnected(.failover), wasSubscribed: true),
        Row(
            "asked again it closes again", joined + [.leave(.failover), .leave(.stopped)], .close, wasSubscribed: true),
        Row("no fence while it closes", joined + [.leave(.stopped), .fence], nil, wasSubscribed: true),
        Row("no PING while it closes", joined + [.leave(.stopped), .tick, .tick, .tick], nil, wasSubscribed: true),
        Row("a reply while it closes", joined + [.leave(.stopped), .reply(.error("ERR x"))], nil, wasSubscribed: true),
        Row("the end is the end", joined + [.inactive, .inactive], nil, wasSubscribed: true),
        Row("nothing after the end", joined + [.inactive, .heard, .tick, .fence, pong, io], nil, wasSubscribed: true),
        Row("no second refusal", [.inactive, .handshakeOverdue, .leave(.stopped), .inactive], nil),
    ]

    @Test(arguments: handshake + subscription + leaving) func transition(_ row: Row) {
        let configuration = RedisConfiguration(host: "redis")
        var machine = SubscriberMachine(
            handshake: SubscriberHandshake(
                configuration: configuration, credentials: nil, endpoint: "redis:6379", channels: ["chat"]),
            tls: TLSWatch(configuration, server: configuration.servers[0]), handshakeSeconds: 10)
        var action: Action?
        for input in row.inputs { action = machine.handle(input) }
        let wasSubscribed = machine.wasSubscribed
        #expect(action == row.action)
        #expect(wasSubscribed == row.wasSubscribed)
    }

    /// An encrypted connection ends with a TLS error, until data was received.
    @Test(
        arguments: [
            ([.inactive], .tls(endpoint: "redis:6379", .closed)),
            ([.heard, .inactive], .connectionClosed(endpoint: "redis:6379")),
            ([.handshakeOverdue, .inactive], .tls(endpoint: "redis:6379", .noAnswer(seconds: 10))),
            ([.handshakeOverdue, .heard, .inactive], .tls(endpoint: "redis:6379", .noAnswer(seconds: 10))),
            ([.leave(.stopped), .heard, .inactive], .connectionClosed(endpoint: "redis:6379")),
        ] as [([Input], RedisError)])
    func endOfTLS(inputs: [Input], expected: RedisError) {
        let configuration = RedisConfiguration(host: "redis", tls: RedisTLS())
        var machine = SubscriberMachine(
            handshake: SubscriberHandshake(
                configuration: configuration, credentials: nil, endpoint: "redis:6379", channels: ["chat"]),
            tls: TLSWatch(configuration, server: configuration.servers[0]), handshakeSeconds: 10)
        var action: Action?
        for input in inputs { action = machine.handle(input) }
        #expect(action == .refused(expected))
    }
}

@Suite struct LivenessMonitorTests {
    /// `h`: bytes arrived, `t`: an interval has ended.
    @Test(
        arguments: [
            ("t", [.sendPing]),
            ("tt", [.sendPing, .giveUp]),
            ("ht", [.none]),
            ("htt", [.none, .sendPing]),
            ("httt", [.none, .sendPing, .giveUp]),
            ("htht", [.none, .none]),
            ("hhht", [.none]),
            // A reply to the PING, or any other data, counts as activity.
            ("tht", [.sendPing, .none]),
            ("thtt", [.sendPing, .none, .sendPing]),
            ("thttt", [.sendPing, .none, .sendPing, .giveUp]),
            ("thtttht", [.sendPing, .none, .sendPing, .giveUp, .none]),
        ] as [(String, [LivenessMonitor.Action])])
    func tellsWhatToDo(events: String, expected: [LivenessMonitor.Action]) {
        var monitor = LivenessMonitor()
        var actions: [LivenessMonitor.Action] = []
        for event in events {
            if event == "h" { monitor.heard() } else { actions.append(monitor.tick()) }
        }
        #expect(actions == expected)
    }
}
