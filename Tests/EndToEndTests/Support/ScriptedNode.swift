import NIOCore
import NIOPosix

/// A server with scripted responses, for behavior that real nodes never show.
enum ScriptedNode {
    /// Runs `body` with the port of a server.
    ///
    /// - Parameters:
    ///   - answers: raw responses by the last component of the path; the connection then stays open.
    ///   - onRequest: called with that component before the response.
    static func run<Value>(
        _ answers: [String: String], onRequest: @escaping @Sendable (String) -> Void = { _ in },
        _ body: (_ port: Int) async throws -> Value
    ) async throws -> Value {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answers, onRequest))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(server.localAddress?.port ?? 0)
            try await server.close()
            return value
        } catch {
            try await server.close()
            throw error
        }
    }

    /// A complete response.
    static func json(_ text: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
    }

    /// A response without an end.
    static func stream(_ text: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\(text)"
    }

    static func negotiation(keepAlive: Double = 20, open: Double = 5) -> String {
        json(
            #"{"Url":"/signalr","ConnectionToken":"t","ConnectionId":"c","KeepAliveTimeout":\#(keepAlive),"DisconnectTimeout":30.0,"ConnectionTimeout":110.0,"TryWebSockets":true,"ProtocolVersion":"2.0","TransportConnectTimeout":\#(open),"LongPollDelay":0.0}"#
        )
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answers: [String: String]
        private let onRequest: @Sendable (String) -> Void
        private var request = ""

        init(_ answers: [String: String], _ onRequest: @escaping @Sendable (String) -> Void) {
            self.answers = answers
            self.onRequest = onRequest
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            request += String(buffer: unwrapInboundIn(data))
            guard request.contains("\r\n\r\n") else { return }
            let path = request.split(separator: " ").dropFirst().first ?? ""
            let endpoint = path.split(separator: "?").first?.split(separator: "/").last ?? ""
            request = ""
            onRequest(String(endpoint))
            let answer = answers[String(endpoint)] ?? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }
}
