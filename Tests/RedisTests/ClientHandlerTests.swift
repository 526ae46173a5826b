import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import Redis

@Suite struct ClientHandlerTests {
    private typealias Answer = Result<RESPValue, RedisError>

    /// A ``ClientHandler`` on a channel without a network, and the results of its callers.
    private final class Harness: Sendable {
        struct Told: Equatable {
            let caller: String
            let answer: Answer
        }

        let channel = EmbeddedChannel()
        let handler: NIOLoopBound<ClientHandler>
        private let record = Mutex<[Told]>([])

        init() throws {
            let configuration = RedisConfiguration(host: "redis")
            let handler = ClientHandler(
                tls: TLSWatch(configuration, server: configuration.servers[0]), answerTimeout: .seconds(10))
            try channel.pipeline.syncOperations.addHandler(handler)
            self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 6379), promise: nil)
        }

        var told: [Told] { record.withLock { $0 } }

        func send(_ caller: String, expecting count: Int = 1) {
            handler.value.send(ByteBuffer(string: caller), expecting: count) { answer in
                self.record.withLock { $0.append(Told(caller: caller, answer: answer)) }
            }
        }

        func receive(_ text: String) throws {
            try channel.writeInbound(ByteBuffer(string: text))
            channel.embeddedEventLoop.run()
        }

        func close() {
            channel.close(promise: nil)
            channel.embeddedEventLoop.run()
        }
    }

    private static let closed = Answer.failure(.connectionClosed(endpoint: "redis:6379"))

    private static func told(_ caller: String, _ answer: Answer) -> Harness.Told {
        Harness.Told(caller: caller, answer: answer)
    }

    @Test func sendsBytesUnchanged() throws {
        let harness = try Harness()
        harness.send("first")
        harness.send("second")
        #expect(try harness.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "first"))
        #expect(try harness.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "second"))
        harness.close()
    }

    @Test func matchesRepliesByTheirOrder() throws {
        let harness = try Harness()
        harness.send("a")
        harness.send("b", expecting: 3)
        harness.send("c")
        try harness.receive("+1\r\n+2\r\n-ERR 3\r")
        try harness.receive("\n:4\r\n*1\r\n$-1\r\n")
        #expect(
            harness.told == [
                Self.told("a", .success(.status("1"))), Self.told("b", .success(.status("2"))),
                Self.told("b", .success(.error("ERR 3"))), Self.told("b", .success(.integer(4))),
                Self.told("c", .success(.array([.null]))),
            ])
        harness.close()
        #expect(harness.told.count == 5)
    }

    @Test func lostConnectionFailsExactlyTheUnanswered() throws {
        let harness = try Harness()
        harness.send("a")
        harness.send("b", expecting: 3)
        harness.send("c")
        try harness.receive("+1\r\n+2\r\n$5\r\nhal")
        harness.close()
        #expect(
            harness.told == [
                Self.told("a", .success(.status("1"))), Self.told("b", .success(.status("2"))),
                Self.told("b", Self.closed), Self.told("b", Self.closed), Self.told("c", Self.closed),
            ])
    }

    @Test func afterTheEndEverythingFailsAtOnce() throws {
        let harness = try Harness()
        harness.close()
        harness.send("late", expecting: 2)
        #expect(harness.told == [Self.told("late", Self.closed), Self.told("late", Self.closed)])
    }

    @Test func invalidRESPEndsTheConnection() throws {
        let harness = try Harness()
        harness.send("a")
        harness.send("b")
        try harness.receive("+1\r\nHTTP/1.1 400\r\n")
        let reason = RedisError.notRedis(
            endpoint: "redis:6379", reason: "Protocol error, got \"H\" as reply type byte")
        #expect(harness.told == [Self.told("a", .success(.status("1"))), Self.told("b", .failure(reason))])
        #expect(!harness.channel.isActive)
        // Later callers get the same error.
        harness.send("late")
        #expect(harness.told.last == Self.told("late", .failure(reason)))
    }

    @Test func unexpectedReplyEndsTheConnection() throws {
        let harness = try Harness()
        harness.send("a")
        try harness.receive("+1\r\n+2\r\n+3\r\n")
        #expect(harness.told == [Self.told("a", .success(.status("1")))])
        #expect(!harness.channel.isActive)
        harness.send("late")
        #expect(
            harness.told.last
                == Self.told(
                    "late", .failure(.notRedis(endpoint: "redis:6379", reason: "an unexpected reply"))))
    }

    /// A server at its connection limit reports it before any command.
    @Test func unexpectedErrorIsTheReason() throws {
        let harness = try Harness()
        try harness.receive("-ERR max number of clients reached\r\n")
        harness.send("late")
        let reason = RedisError.serverError(command: "the connection", reply: "ERR max number of clients reached")
        #expect(reason.isTransient)
        #expect(harness.told == [Self.told("late", .failure(reason))])
    }

    @Test func closingFailsTheUnansweredWithItsReason() throws {
        let harness = try Harness()
        harness.send("a")
        harness.send("b")
        try harness.receive("+1\r\n")
        let reason = RedisError.noAnswer(endpoint: "redis:6379", seconds: 10)
        harness.handler.value.giveUp(reason)
        harness.channel.embeddedEventLoop.run()
        #expect(!harness.channel.isActive)
        #expect(harness.told == [Self.told("a", .success(.status("1"))), Self.told("b", .failure(reason))])
    }

    @Test func ioErrorEndsTheConnection() throws {
        let harness = try Harness()
        harness.send("a")
        harness.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "read"))
        harness.channel.embeddedEventLoop.run()
        #expect(harness.told == [Self.told("a", Self.closed)])
    }

    /// The limit counts from the oldest unanswered command.
    @Test func silenceEndsTheConnection() throws {
        let harness = try Harness()
        harness.send("a")
        harness.channel.embeddedEventLoop.advanceTime(by: .seconds(6))
        harness.send("b")
        try harness.receive("+1\r\n")
        harness.channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        #expect(harness.channel.isActive)
        harness.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!harness.channel.isActive)
        #expect(
            harness.told == [
                Self.told("a", .success(.status("1"))),
                Self.told("b", .failure(.noAnswer(endpoint: "redis:6379", seconds: 10))),
            ])
    }

    @Test func silenceWithoutACommandIsAllowed() throws {
        let harness = try Harness()
        harness.send("a")
        try harness.receive("+1\r\n")
        harness.channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(harness.channel.isActive)
        harness.close()
    }
}
