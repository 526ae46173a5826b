import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// Stands between a relay and its Redis and can add bytes of its own to what Redis says.
final class WireProxy: Sendable {
    let port: Int
    private let toRelay: LatestChannel

    private init(port: Int, toRelay: LatestChannel) {
        self.port = port
        self.toRelay = toRelay
    }

    static func with<Value>(
        to redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: (WireProxy) async throws -> Value
    ) async throws -> Value {
        let latest = LatestChannel()
        let (host, port) = (redis.host, redis.port)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                latest.set(outside)
                return ClientBootstrap(group: outside.eventLoop)
                    .channelInitializer { inside in
                        inside.eventLoop.makeCompletedFuture {
                            try inside.pipeline.syncOperations.addHandler(Forwarder(to: outside))
                            try outside.pipeline.syncOperations.addHandler(Forwarder(to: inside))
                        }
                    }
                    .connect(host: host, port: port)
                    .flatMap { _ in outside.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(WireProxy(port: server.localAddress?.port ?? 0, toRelay: latest))
            try await server.close()
            return value
        } catch {
            try? await server.close()
            throw error
        }
    }

    /// Says this to the relay, behind all that Redis has said so far.
    func inject(_ bytes: [UInt8]) {
        toRelay.get()?.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }
}

/// The connection that a relay made last.
private final class LatestChannel: Sendable {
    private let channel = Mutex<(any Channel)?>(nil)

    func set(_ latest: any Channel) { channel.withLock { $0 = latest } }
    func get() -> (any Channel)? { channel.withLock { $0 } }
}

private final class Forwarder: ChannelInboundHandler {
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
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
