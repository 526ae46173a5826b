import NIOCore
import NIOPosix
import Redis
import Synchronization
import TestSupport

/// A proxy between a node and its Redis that can hold what the node sends, as a slow network would; what Redis sends
/// still arrives.
final class HeldRedis: Sendable {
    let configuration: RedisConfiguration
    private let lines: Lines

    /// The node's connections.
    private final class Lines: Sendable {
        let open = Mutex<[any Channel]>([])
    }

    private init(port: Int, lines: Lines) {
        configuration = RedisConfiguration(host: "127.0.0.1", port: port)
        self.lines = lines
    }

    static func with<Value>(
        _ redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: (HeldRedis) async throws -> Value
    ) async throws -> Value {
        let lines = Lines()
        let (host, port) = (redis.host, redis.port)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                lines.open.withLock { $0.append(outside) }
                return ClientBootstrap(group: outside.eventLoop)
                    .channelInitializer { inside in
                        inside.eventLoop.makeCompletedFuture {
                            try inside.pipeline.syncOperations.addHandler(Passage(to: outside))
                            try outside.pipeline.syncOperations.addHandler(Passage(to: inside))
                        }
                    }
                    .connect(host: host, port: port)
                    .flatMap { _ in outside.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(HeldRedis(port: server.localAddress?.port ?? 0, lines: lines))
            try await server.close()
            return value
        } catch {
            try? await server.close()
            throw error
        }
    }

    /// Holds what the node sends from now on.
    func hold() async throws { try await read(false) }

    /// Passes on what was held, and what follows.
    func release() async throws { try await read(true) }

    private func read(_ isReading: Bool) async throws {
        for line in lines.open.withLock({ $0 }) where line.isActive {
            try await line.setOption(.autoRead, value: isReading).get()
        }
    }
}

private final class Passage: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: any Channel

    init(to peer: any Channel) {
        self.peer = peer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        peer.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        peer.close(promise: nil)
        context.fireChannelInactive()
    }
}
