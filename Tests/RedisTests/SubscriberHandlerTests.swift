import NIOCore
import NIOEmbedded
import Testing

@testable import Redis

/// A confirmed subscription until its end.
@Suite struct SubscriberHandlerTests {
    private static let ping = "*1\r\n$4\r\nPING\r\n"

    // MARK: - Envelopes

    @Test func eachReadIsOneBatch() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.receive(Wire.message("chat", "1 a") + Wire.message("orders", "1 b"))
        try harness.receive(Wire.message("chat", [0, 13, 10, 255]))
        #expect(
            harness.sink.batches.map { $0.envelopes } == [
                [ReceivedEnvelope(0, "1 a"), ReceivedEnvelope(1, "1 b")],
                [ReceivedEnvelope(0, [0, 13, 10, 255])],
            ])
        harness.closeByServer()
    }

    @Test func nothingIsDeliveredUntilAnEnvelopeIsComplete() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        let message = Wire.message("chat", "1 a")
        try harness.receive(Array(message.dropLast()))
        #expect(harness.sink.batches.isEmpty)
        try harness.receive([message[message.count - 1]])
        #expect(harness.sink.batches.map { $0.envelopes } == [[ReceivedEnvelope(0, "1 a")]])
        harness.closeByServer()
    }

    // MARK: - Fences

    private static let pong = Array("*2\r\n$4\r\npong\r\n$0\r\n\r\n".utf8)

    /// The PONG follows everything sent before it, which is in the sink by then.
    @Test func aFenceIsPassedAfterEarlierData() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        var passed: [(isPassed: Bool, batches: Int)] = []
        let context = try harness.channel.pipeline.syncOperations.context(handler: harness.handler)
        harness.handler.fence(context: context) { passed.append(($0, harness.sink.batches.count)) }
        #expect(try harness.sent() == Self.ping)
        try harness.receive(Wire.message("chat", "1 a"))
        #expect(passed.isEmpty)
        try harness.receive(Wire.message("chat", "2 b") + Self.pong)
        #expect(passed.map(\.isPassed) == [true] && passed.map(\.batches) == [2])
        harness.closeByServer()
        #expect(passed.count == 1)
    }

    /// The liveness check uses PING too: replies are distinguished by their order.
    @Test func aFenceWaitsForItsOwnPong() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        harness.advance(by: .seconds(10))
        #expect(try harness.sent() == Self.ping)
        var passed: [Bool] = []
        let context = try harness.channel.pipeline.syncOperations.context(handler: harness.handler)
        harness.handler.fence(context: context) { passed.append($0) }
        try harness.receive(Self.pong)
        #expect(passed.isEmpty)
        try harness.receive(Self.pong)
        #expect(passed == [true])
        harness.closeByServer()
    }

    @Test func aFenceFailsWithTheConnectionOrIfPingIsDenied() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        var passed: [Bool] = []
        let context = try harness.channel.pipeline.syncOperations.context(handler: harness.handler)
        harness.handler.fence(context: context) { passed.append($0) }
        try harness.receive(Array("-NOPERM this user has no permissions to run the 'ping' command\r\n".utf8))
        #expect(passed == [false] && harness.ended.value == nil, "the connection must stay open")
        harness.handler.fence(context: context) { passed.append($0) }
        harness.closeByServer()
        #expect(passed == [false, false] && harness.ended.value == .closedByServer)
    }

    // MARK: - Times

    @Test func envelopesAreStampedWithTheClock() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.receive(Wire.message("chat", "1 a"))
        let stamp = try #require(harness.sink.batches.first?.stamps.first)
        // After this test was written, and nanoseconds, not milliseconds.
        #expect(stamp > 1_750_000_000_000_000_000)
        harness.closeByServer()
    }

    /// Confirmation, envelopes and an error in one read: the sink gets them in order.
    @Test func notifiesTheSinkInOrder() throws {
        let harness = try SubscriberHarness()
        try harness.receive(
            SubscriberHarness.greeting + Wire.confirmation("chat") + Wire.confirmation("orders")
                + Wire.message("chat", "1 a") + Wire.message("stranger", "x") + Wire.message("orders", "1 b")
                + Array("-ERR going down\r\n".utf8))
        #expect(
            harness.sink.events == [
                .subscribed(SubscriberHarness.subscription), .envelope(ReceivedEnvelope(0, "1 a")),
                .envelope(ReceivedEnvelope(1, "1 b")),
                .disconnected(.serverError("ERR going down")),
            ])
        #expect(harness.subscribed.value != nil)
        #expect(harness.ended.value == .serverError("ERR going down"))
    }

    @Test func envelopesBeforeAProtocolErrorAreDelivered() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.receive(Wire.message("chat", "1 a") + Array("?".utf8))
        let cause = DisconnectCause.protocolError("Protocol error, got \"?\" as reply type byte")
        #expect(
            harness.sink.events == [
                .subscribed(SubscriberHarness.subscription), .envelope(ReceivedEnvelope(0, "1 a")),
                .disconnected(cause),
            ])
        #expect(harness.ended.value == cause)
        #expect(!harness.channel.isActive)
    }

    @Test func laterConfirmationsAndPongsAreIgnored() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.receive(Wire.confirmation("chat") + Wire.pong + Array("+OK\r\n".utf8))
        #expect(harness.channel.isActive)
        #expect(harness.sink.events == [.subscribed(SubscriberHarness.subscription)])
        harness.closeByServer()
    }

    // MARK: - The end

    @Test func serverCloses() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        harness.closeByServer()
        #expect(harness.ended.value == .closedByServer)
        #expect(harness.sink.events == [.subscribed(SubscriberHarness.subscription), .disconnected(.closedByServer)])
    }

    @Test func stopIsNotAnError() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.stop()
        #expect(!harness.channel.isActive)
        #expect(harness.ended.value == .stopped)
        #expect(harness.sink.events.last == .disconnected(.stopped))
    }

    @Test func ioErrorIsReported() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        harness.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "read"))
        harness.channel.embeddedEventLoop.run()
        guard case .ioError(let text) = harness.ended.value else {
            Issue.record("ended as \(String(describing: harness.ended.value))")
            return
        }
        #expect(text.contains("reset by peer"))
        #expect(harness.sink.events.last == .disconnected(.ioError(text)))
    }

    /// The first cause of an end is kept; closing is not another one.
    @Test func firstCauseIsKept() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.receive(Array("-ERR one\r\n-ERR two\r\n".utf8))
        #expect(harness.ended.value == .serverError("ERR one"))
        #expect(harness.sink.events.count == 2)
    }

    /// A running timer would keep the handler alive, and with it a connection per reconnect.
    @Test func nothingIsLeftBehind() throws {
        weak var handler: SubscriberHandler?
        do {
            let harness = try SubscriberHarness()
            try harness.subscribe()
            handler = harness.handler
            harness.closeByServer()
            harness.advance(by: .hours(1))
            #expect(try harness.sent() == "")
            #expect(harness.sink.events.count == 2)
        }
        #expect(handler == nil)
    }

    // MARK: - Reading

    /// The channel reads only on request: immediately while quiet, after a pause while busy.
    @Test func readsAtOnceOrAfterAPause() throws {
        let harness = try SubscriberHarness()
        #expect(harness.reads.count == 1)
        try harness.subscribe()
        #expect(harness.reads.count == 2)
        harness.advance(by: ReadPacer.busyWithin)
        try harness.receive(Wire.message("chat", "1 a"))
        #expect(harness.reads.count == 3)
        try harness.receive(Wire.message("chat", "2 b"))
        #expect(harness.reads.count == 3)
        harness.advance(by: ReadPacer.shortRest)
        #expect(harness.reads.count == 4)
        harness.closeByServer()
    }

    @Test func closingDuringAPauseDoesNotRead() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        try harness.receive(Wire.message("chat", "1 a"))
        let reads = harness.reads.count
        harness.closeByServer()
        harness.advance(by: .seconds(1))
        #expect(harness.ended.value == .closedByServer)
        #expect(harness.reads.count == reads)
    }

    // MARK: - Liveness

    @Test func pingsAfterAQuietIntervalAndClosesAfterTwo() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        // Data of the handshake arrived in the first interval.
        harness.advance(by: .seconds(5))
        #expect(try harness.sent() == "")
        harness.advance(by: .seconds(5))
        #expect(try harness.sent() == Self.ping)
        #expect(harness.channel.isActive)
        harness.advance(by: .seconds(5))
        #expect(try harness.sent() == "")
        #expect(!harness.channel.isActive)
        #expect(harness.ended.value == .noAnswer)
        #expect(harness.sink.events.last == .disconnected(.noAnswer))
    }

    @Test func pongKeepsItOpen() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        harness.advance(by: .seconds(10))
        for _ in 0..<5 {
            #expect(try harness.sent() == Self.ping)
            try harness.receive(Wire.pong)
            harness.advance(by: .seconds(10))
        }
        #expect(harness.channel.isActive)
        harness.closeByServer()
    }

    @Test func busyConnectionIsNeverPinged() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        for _ in 0..<20 {
            try harness.receive(Wire.message("chat", "1 a"))
            harness.advance(by: .seconds(5))
        }
        #expect(try harness.sent() == "")
        harness.closeByServer()
    }

    /// Part of a large envelope counts as activity too.
    @Test func partOfAnEnvelopeCounts() throws {
        let harness = try SubscriberHarness()
        try harness.subscribe()
        for byte in Wire.message("chat", "1 a") {
            try harness.receive([byte])
            harness.advance(by: .seconds(5))
        }
        #expect(try harness.sent() == "")
        #expect(harness.sink.batches.count == 1)
        harness.closeByServer()
    }
}
