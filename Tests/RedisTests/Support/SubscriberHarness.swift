import NIOCore
import NIOEmbedded

@testable import Redis

/// A ``SubscriberHandler`` on a channel without a network, with manually advanced time.
struct SubscriberHarness {
    /// The server's replies in a successful handshake, up to SUBSCRIBE.
    static let greeting =
        Array("+OK\r\n:7\r\n*1\r\n$6\r\nmaster\r\n".utf8) + Wire.bulk("redis_version:7.0.15\r\nrun_id:abc\r\n")

    /// The subscription that this greeting gives.
    static let subscription = Subscription(
        server: RedisServerInfo(infoText: "redis_version:7.0.15\r\nrun_id:abc\r\n"), connectionID: 7,
        endpoint: "redis:6379")

    let channel: EmbeddedChannel
    let handler: SubscriberHandler
    let reads = ReadCounter()
    let sink = RecordingSink()
    let subscribed: Outcome<Subscription>
    let ended: Outcome<DisconnectCause>

    init(
        configuration: RedisConfiguration = RedisConfiguration(host: "redis"), channels: [String] = ["chat", "orders"],
        timing: RedisSubscriber.Timing = .init(pingInterval: .seconds(5), handshakeTimeout: .seconds(10))
    ) throws {
        channel = EmbeddedChannel()
        let subscribed = channel.eventLoop.makePromise(of: Subscription.self)
        let ended = channel.eventLoop.makePromise(of: DisconnectCause.self)
        self.subscribed = Outcome(of: subscribed.futureResult)
        self.ended = Outcome(of: ended.futureResult)
        handler = SubscriberHandler(
            configuration: configuration, credentials: try configuration.credentials(),
            server: configuration.servers[0],
            wanted: WantedNames(SubscribedName.plain(channels), header: nil, keepsAll: false), timing: timing,
            sink: sink, subscribed: subscribed,
            ended: ended)
        try channel.pipeline.syncOperations.addHandlers(reads, handler)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 6379), promise: nil)
    }

    /// One read from the socket.
    func receive(_ bytes: [UInt8]) throws {
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
    }

    /// Everything sent since the last call.
    func sent() throws -> String {
        var text = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
        return text
    }

    func advance(by amount: TimeAmount) {
        channel.embeddedEventLoop.advanceTime(by: amount)
    }

    /// Completes the subscription, and discards what was sent for it.
    func subscribe() throws {
        try receive(Self.greeting + Wire.confirmation("chat", count: 1) + Wire.confirmation("orders", count: 2))
        _ = try sent()
    }

    /// The server closes the connection.
    func closeByServer() {
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
    }

    func stop() throws {
        handler.leave(.stopped, context: try channel.pipeline.syncOperations.context(handler: handler))
        channel.embeddedEventLoop.run()
    }
}

/// Counts the requests to read from the channel.
final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = Never

    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
