import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

@testable import SignalRClient

/// A server that answers each request of a connection with raw bytes.
final class RawServer: Sendable {
    enum Action: Sendable {
        case send(String)
        case sendLater(String, TimeAmount, String)
        /// The part a number of times, each when the one before is written.
        case sendMany(String, String, Int)
        case sendAndClose(String)
        case close
    }

    /// Gets the request's text and its number on the connection, from 1.
    typealias Answer = @Sendable (_ request: String, _ number: Int) -> Action

    private struct Counts {
        var accepted = 0
        var open = 0
        var requests = 0
        var sentMegabytes = 0
    }

    let node: NodeURL
    private let counts: NIOLockedValueBox<Counts>
    var get: HTTPExchangeRequest { HTTPExchangeRequest(node: node, target: "/") }
    var accepted: Int { counts.withLockedValue(\.accepted) }
    var open: Int { counts.withLockedValue(\.open) }
    var requests: Int { counts.withLockedValue(\.requests) }
    var sentMegabytes: Int { counts.withLockedValue(\.sentMegabytes) }

    private init(node: NodeURL, counts: NIOLockedValueBox<Counts>) {
        self.node = node
        self.counts = counts
    }

    static func run(
        _ answer: @escaping Answer, body: (RawServer, HTTPConnections) async throws -> Void
    ) async throws {
        let counts = NIOLockedValueBox(Counts())
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                counts.withLockedValue {
                    $0.accepted += 1
                    $0.open += 1
                }
                channel.closeFuture.whenComplete { _ in counts.withLockedValue { $0.open -= 1 } }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer, counts))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let connections = HTTPConnections(eventLoopGroup: group, connectTimeout: .seconds(5)) {
            try NIOSSLContext(configuration: .makeClientConfiguration())
        }
        do {
            let node = try NodeURL("http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
            try await body(RawServer(node: node, counts: counts), connections)
        } catch {
            await connections.shutdown()
            try await channel.close()
            throw error
        }
        await connections.shutdown()
        try await channel.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: Answer
        private let counts: NIOLockedValueBox<Counts>
        private var number = 0
        private var text = ""

        init(_ answer: @escaping Answer, _ counts: NIOLockedValueBox<Counts>) {
            self.answer = answer
            self.counts = counts
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            guard let end = text.firstRange(of: "\r\n\r\n") else { return }
            let length = text.firstMatch(of: #/Content-Length: (\d+)/#).flatMap { Int($0.1) } ?? 0
            guard text[end.upperBound...].utf8.count >= length else { return }
            number += 1
            counts.withLockedValue { $0.requests += 1 }
            let action = answer(text, number)
            text = ""
            switch action {
            case .send(let response): write(response, context)
            case .sendLater(let first, let delay, let second):
                write(first, context)
                let channel = context.channel
                context.eventLoop.scheduleTask(in: delay) {
                    channel.writeAndFlush(ByteBuffer(string: second), promise: nil)
                }
            case .sendMany(let head, let part, let count):
                write(head, context)
                sendNext(ByteBuffer(string: part), count, context.channel)
            case .sendAndClose(let response):
                let channel = context.channel
                channel.writeAndFlush(ByteBuffer(string: response)).whenComplete { _ in channel.close(promise: nil) }
            case .close: context.close(promise: nil)
            }
        }

        private func write(_ response: String, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: response)), promise: nil)
        }

        private func sendNext(_ part: ByteBuffer, _ count: Int, _ channel: any Channel) {
            guard count > 0 else { return }
            channel.writeAndFlush(part).assumeIsolated().whenSuccess { [counts] in
                counts.withLockedValue { $0.sentMegabytes += 1 }
                self.sendNext(part, count - 1, channel)
            }
        }
    }
}
