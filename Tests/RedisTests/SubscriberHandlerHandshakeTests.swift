import NIOCore
import NIOEmbedded
import Testing

@testable import Redis

/// From the TCP connection to the confirmed subscription, or to the error that prevents it.
@Suite struct SubscriberHandlerHandshakeTests {
    @Test func sendsEverythingAtOnce() throws {
        let harness = try SubscriberHarness()
        #expect(
            try harness.sent()
                == "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$15\r\nbackplane-relay\r\n"
                + "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n*1\r\n$4\r\nROLE\r\n*1\r\n$4\r\nINFO\r\n"
                + "*3\r\n$9\r\nSUBSCRIBE\r\n$4\r\nchat\r\n$6\r\norders\r\n")
        harness.closeByServer()
    }

    @Test func logsInFirst() throws {
        let harness = try SubscriberHarness(
            configuration: RedisConfiguration(host: "redis", username: "relay", password: Secret("hunter2")))
        #expect(
            try harness.sent().hasPrefix("*3\r\n$4\r\nAUTH\r\n$5\r\nrelay\r\n$7\r\nhunter2\r\n*3\r\n$6\r\nCLIENT\r\n"))
        harness.closeByServer()
    }

    @Test func isSubscribedWhenEveryChannelIsConfirmed() throws {
        let harness = try SubscriberHarness()
        try harness.receive(SubscriberHarness.greeting + Wire.confirmation("chat"))
        #expect(harness.subscribed.isPending)
        #expect(harness.sink.events.isEmpty)
        try harness.receive(Wire.confirmation("orders"))
        #expect(harness.subscribed.value != nil)
        #expect(harness.ended.isPending)
        #expect(harness.sink.events == [.subscribed(SubscriberHarness.subscription)])
        harness.closeByServer()
    }

    @Test func handshakeTimesOut() throws {
        let harness = try SubscriberHarness()
        harness.advance(by: .milliseconds(9_999))
        #expect(harness.channel.isActive)
        harness.advance(by: .milliseconds(1))
        #expect(!harness.channel.isActive)
        #expect(harness.subscribed.error as? RedisError == .noAnswer(endpoint: "redis:6379", seconds: 10))
        #expect(harness.ended.error as? RedisError == .noAnswer(endpoint: "redis:6379", seconds: 10))
        #expect(harness.sink.events.isEmpty)
    }

    /// Replies without the last one do not extend the timeout.
    @Test func handshakeTimesOutHalfway() throws {
        let harness = try SubscriberHarness()
        harness.advance(by: .seconds(6))
        try harness.receive(SubscriberHarness.greeting + Wire.confirmation("chat"))
        harness.advance(by: .seconds(4))
        #expect(harness.subscribed.error as? RedisError == .noAnswer(endpoint: "redis:6379", seconds: 10))
    }

    @Test func handshakeTimeoutEndsWithTheHandshake() throws {
        let harness = try SubscriberHarness(
            timing: .init(pingInterval: .seconds(1_000), handshakeTimeout: .seconds(10)))
        try harness.subscribe()
        harness.advance(by: .seconds(100))
        #expect(harness.channel.isActive)
        harness.closeByServer()
    }

    @Test(
        arguments: [
            (
                "-NOAUTH Authentication required.\r\n",
                .authenticationRequired(endpoint: "redis:6379")
            ),
            (
                "-DENIED Redis is running in protected mode\r\n",
                .serverError(
                    command: "CLIENT", reply: "DENIED Redis is running in protected mode")
            ),
            (
                "-ERR max number of clients reached\r\n",
                .serverError(
                    command: "CLIENT", reply: "ERR max number of clients reached")
            ),
            (
                "+OK\r\n:7\r\n-NOPERM\r\n$-1\r\n-NOPERM no\r\n",
                .notPermitted(
                    endpoint: "redis:6379", command: "SUBSCRIBE", reply: "NOPERM no", rule: nil)
            ),
            ("+OK\r\n:7\r\n-NOPERM\r\n$-1\r\n+OK\r\n", .unexpectedReply(command: "SUBSCRIBE", reply: "status 'OK'")),
            (
                "HTTP/1.1 400 Bad Request\r\n",
                .notRedis(
                    endpoint: "redis:6379", reason: "Protocol error, got \"H\" as reply type byte")
            ),
        ] as [(String, RedisError)])
    func handshakeFails(answer: String, expected: RedisError) throws {
        let harness = try SubscriberHarness()
        try harness.receive(Array(answer.utf8))
        #expect(!harness.channel.isActive)
        #expect(harness.subscribed.error as? RedisError == expected)
        #expect(harness.ended.error as? RedisError == expected)
        #expect(harness.sink.events.isEmpty)
    }

    /// With a wrong password the commands after AUTH fail too, in the same read; the first reason counts.
    @Test func firstRefusalIsTheReason() throws {
        let harness = try SubscriberHarness(
            configuration: RedisConfiguration(host: "redis", password: Secret("hunter2")))
        let wrongPass = "WRONGPASS invalid username-password pair or user is disabled."
        let noAuth = "-NOAUTH Authentication required.\r\n"
        try harness.receive(Array(("-\(wrongPass)\r\n" + noAuth + noAuth + noAuth).utf8))
        #expect(
            harness.subscribed.error as? RedisError
                == .authenticationFailed(endpoint: "redis:6379", reply: wrongPass))
    }

    /// A wrong password where none is required: the rest of the handshake succeeds, envelopes arrive, and still the
    /// connection is not subscribed.
    @Test func nothingIsSubscribedAfterARefusal() throws {
        let harness = try SubscriberHarness(
            configuration: RedisConfiguration(host: "redis", password: Secret("hunter2")), channels: ["chat"])
        let reply = "ERR AUTH <password> called without any password configured for the default user."
        try harness.receive(
            Array("-\(reply)\r\n".utf8) + SubscriberHarness.greeting + Wire.confirmation("chat")
                + Wire.confirmation("chat") + Wire.message("chat", "1 a"))
        #expect(harness.subscribed.error as? RedisError == .authenticationFailed(endpoint: "redis:6379", reply: reply))
        #expect(harness.sink.events.isEmpty)
    }

    @Test func serverClosesDuringTheHandshake() throws {
        let harness = try SubscriberHarness()
        try harness.receive(Array("+OK\r\n".utf8))
        harness.closeByServer()
        #expect(harness.subscribed.error as? RedisError == .connectionClosed(endpoint: "redis:6379"))
        #expect(harness.ended.error as? RedisError == .connectionClosed(endpoint: "redis:6379"))
        #expect(harness.sink.events.isEmpty)
    }

    @Test func stopDuringTheHandshake() throws {
        let harness = try SubscriberHarness()
        try harness.stop()
        #expect(!harness.channel.isActive)
        #expect(harness.subscribed.error != nil)
        #expect(harness.sink.events.isEmpty)
    }
}
