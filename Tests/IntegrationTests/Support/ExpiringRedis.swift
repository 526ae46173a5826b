import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A Redis whose logins expire, like one with a cloud's identity service: a proxy that records the last token of each
/// connection, and closes those of an expired token.
final class ExpiringRedis: Sendable {
    let port: Int
    private let lines: Lines

    /// The relay's connections, each with its last token.
    fileprivate final class Lines: Sendable {
        let open = Mutex<[ObjectIdentifier: (channel: any Channel, token: String?)]>([:])
    }

    private init(port: Int, lines: Lines) {
        self.port = port
        self.lines = lines
    }

    /// - Parameter tokens: recognized in what a connection sends.
    static func with<Value>(
        _ redis: RedisServer, tokens: [String], isolation: isolated (any Actor)? = #isolation,
        _ body: (ExpiringRedis) async throws -> Value
    ) async throws -> Value {
        let lines = Lines()
        let (host, port) = (redis.host, redis.port)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                lines.open.withLock { $0[ObjectIdentifier(outside)] = (outside, nil) }
                return ClientBootstrap(group: outside.eventLoop)
                    .channelInitializer { inside in
                        inside.eventLoop.makeCompletedFuture {
                            try inside.pipeline.syncOperations.addHandler(Line(to: outside, tokens: [], lines))
                            try outside.pipeline.syncOperations.addHandler(Line(to: inside, tokens: tokens, lines))
                        }
                    }
                    .connect(host: host, port: port)
                    .flatMap { _ in outside.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(ExpiringRedis(port: server.localAddress?.port ?? 0, lines: lines))
            try await server.close()
            return value
        } catch {
            try? await server.close()
            throw error
        }
    }

    /// The tokens of the open connections.
    var tokens: [String?] { lines.open.withLock { $0.values.map(\.token) } }

    /// - Returns: number of connections that were ended.
    func expire(_ token: String) -> Int {
        let expired = lines.open.withLock { $0.values.filter { $0.token == token }.map(\.channel) }
        for channel in expired { channel.close(promise: nil) }
        return expired.count
    }
}

private final class Line: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: any Channel
    private let tokens: [String]
    private let lines: ExpiringRedis.Lines
    /// The end of what was sent before: a token may arrive in two reads.
    private var tail = ""

    init(to peer: any Channel, tokens: [String], _ lines: ExpiringRedis.Lines) {
        self.peer = peer
        self.tokens = tokens
        self.lines = lines
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if !tokens.isEmpty {
            let text = tail + String(buffer: bytes)
            if let token = tokens.last(where: { text.contains($0) }) {
                lines.open.withLock { $0[ObjectIdentifier(context.channel)]?.token = token }
                tail = ""
            } else {
                tail = String(text.suffix(64))
            }
        }
        peer.writeAndFlush(bytes, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = lines.open.withLock { $0.removeValue(forKey: ObjectIdentifier(context.channel)) }
        peer.close(promise: nil)
        context.fireChannelInactive()
    }
}
