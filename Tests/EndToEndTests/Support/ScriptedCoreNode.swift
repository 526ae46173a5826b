import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// A node of ASP.NET Core SignalR with scripted responses to negotiation; the test drives each webSocket.
final class ScriptedCoreNode: Sendable {
    /// One webSocket of a client. The byte 1e is shown as `|`.
    struct Socket: Sendable {
        /// Path and query of the socket's request.
        let target: String
        let headers: HTTPHeaders
        fileprivate let channel: any Channel
        fileprivate let texts: AsyncStream<String>

        /// The next frame; nil once the socket is closed.
        func next() async -> String? {
            for await text in texts { return text }
            return nil
        }

        func send(_ text: String) {
            let data = ByteBuffer(string: text.replacing("|", with: "\u{1E}"))
            channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: data), promise: nil)
        }

        /// Closes without a close frame, like a failed network.
        func cut() async throws { try? await channel.close() }

        /// Answers the handshake.
        ///
        /// - Returns: what the client sent.
        func shakeHands() async -> String? {
            let handshake = await next()
            send("{}|")
            return handshake
        }
    }

    let port: Int
    private let server: any Channel
    private let sockets: AsyncStream<Socket>
    private let record: Record

    /// Requests other than webSockets: method, path and query.
    var heard: [String] { record.requests.withLock { $0 } }

    private init(server: any Channel, sockets: AsyncStream<Socket>, record: Record) {
        self.server = server
        self.sockets = sockets
        self.record = record
        port = server.localAddress?.port ?? 0
    }

    /// The next client's webSocket.
    func socket() async -> Socket? {
        for await socket in sockets { return socket }
        return nil
    }

    static func negotiation(stateful: Bool = false) -> String {
        #"{\#(stateful ? #""useStatefulReconnect":true,"# : "")"negotiateVersion":1,"connectionId":"c","connectionToken":"t","availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]},{"transport":"ServerSentEvents","transferFormats":["Text"]},{"transport":"LongPolling","transferFormats":["Text","Binary"]}]}"#
    }

    /// - Parameters:
    ///   - answer: returns the status and body for a request.
    ///   - admits: whether the n-th webSocket, from 0, is accepted; otherwise the client gets 404.
    static func run<Value>(
        admits: @escaping @Sendable (Int) -> Bool = { _ in true },
        answer: @escaping @Sendable (_ path: String, _ number: Int) -> (HTTPResponseStatus, String) = { _, _ in
            (.ok, negotiation())
        },
        _ body: (ScriptedCoreNode) async throws -> Value
    ) async throws -> Value {
        let (sockets, opened) = AsyncStream.makeStream(of: Socket.self)
        let record = Record()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = NIOWebSocketServerUpgrader(
                        maxFrameSize: 1 << 20,
                        shouldUpgrade: { channel, head in
                            let number = record.nextSocket()
                            return channel.eventLoop.makeSucceededFuture(admits(number) ? [:] : nil)
                        },
                        upgradePipelineHandler: { channel, head in
                            channel.eventLoop.makeCompletedFuture {
                                let (texts, received) = AsyncStream.makeStream(of: String.self)
                                try channel.pipeline.syncOperations.addHandler(SocketHandler(received))
                                opened.yield(
                                    Socket(target: head.uri, headers: head.headers, channel: channel, texts: texts))
                            }
                        })
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withServerUpgrade: (
                            upgraders: [upgrader],
                            completionHandler: { context in
                                context.channel.pipeline.removeHandler(name: "requests", promise: nil)
                            }
                        ))
                    try channel.pipeline.syncOperations.addHandler(
                        RequestHandler { request in
                            answer(request, record.note(request))
                        }, name: "requests")
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let node = ScriptedCoreNode(server: server, sockets: sockets, record: record)
        do {
            let value = try await body(node)
            try await server.close()
            return value
        } catch {
            try await server.close()
            throw error
        }
    }

    private final class Record: Sendable {
        let requests = Mutex<[String]>([])
        private let sockets = Mutex(0)

        /// - Returns: the number of the request.
        func note(_ request: String) -> Int {
            requests.withLock { requests in
                requests.append(request)
                return requests.count - 1
            }
        }

        func nextSocket() -> Int {
            sockets.withLock { number in
                defer { number += 1 }
                return number
            }
        }
    }

    private final class SocketHandler: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame

        private let received: AsyncStream<String>.Continuation

        init(_ received: AsyncStream<String>.Continuation) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            switch frame.opcode {
            case .text, .binary:
                received.yield(String(buffer: frame.unmaskedData).replacing("\u{1E}", with: "|"))
            case .connectionClose: context.close(promise: nil)
            default: break
            }
        }

        func channelInactive(context: ChannelHandlerContext) { received.finish() }
    }

    private final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: (String) -> (HTTPResponseStatus, String)

        init(_ answer: @escaping (String) -> (HTTPResponseStatus, String)) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            let upgrade = head.headers.contains(name: "Upgrade")
            let (status, body) =
                upgrade ? (.notFound, "No Connection with that ID") : answer("\(head.method) \(head.uri)")
            let headers: HTTPHeaders = ["Content-Length": "\(body.utf8.count)"]
            context.write(
                wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
