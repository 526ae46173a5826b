import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// Stands between a relay and its Redis and can add bytes of its own to what Redis says.
final class WireProxy: Sendable {
    let port: Int
    private let toRelay: LatestLine

    private init(port: Int, toRelay: LatestLine) {
        self.port = port
        self.toRelay = toRelay
    }

    static func with<Value>(
        to redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: (WireProxy) async throws -> Value
    ) async throws -> Value {
        let latest = LatestLine()
        let (host, port) = (redis.host, redis.port)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                let line = Line(to: outside)
                latest.set(line)
                return ClientBootstrap(group: outside.eventLoop)
                    .channelInitializer { inside in
                        inside.eventLoop.makeCompletedFuture {
                            try inside.pipeline.syncOperations.addHandler(Forwarder(to: outside) { line.forward($0) })
                            try outside.pipeline.syncOperations.addHandler(
                                Forwarder(to: inside) { inside.writeAndFlush($0, promise: nil) })
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

    /// Says this to the relay, between two replies of Redis: in the middle of one it could pass for part of a payload.
    func inject(_ bytes: [UInt8]) {
        toRelay.get()?.inject(bytes)
    }
}

/// The connection that a relay made last.
private final class LatestLine: Sendable {
    private let line = Mutex<Line?>(nil)

    func set(_ latest: Line) { line.withLock { $0 = latest } }
    func get() -> Line? { line.withLock { $0 } }
}

/// From Redis to the relay.
private final class Line: Sendable {
    private let outside: any Channel
    private let state: NIOLoopBoundBox<State>

    private struct State {
        var boundaries = ReplyBoundaries()
        var injection: [UInt8]?
    }

    init(to outside: any Channel) {
        self.outside = outside
        state = NIOLoopBoundBox(State(), eventLoop: outside.eventLoop)
    }

    func inject(_ bytes: [UInt8]) {
        outside.eventLoop.execute {
            if self.state.value.boundaries.isAtBoundary {
                self.outside.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
            } else {
                self.state.value.injection = bytes
            }
        }
    }

    /// On the event loop.
    func forward(_ buffer: ByteBuffer) {
        var buffer = buffer
        while let length = state.value.boundaries.advance(buffer.readableBytesView) {
            if let head = buffer.readSlice(length: length) { outside.write(head, promise: nil) }
            if let injection = state.value.injection.take() {
                outside.write(ByteBuffer(bytes: injection), promise: nil)
            }
        }
        outside.writeAndFlush(buffer, promise: nil)
    }
}

private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: any Channel
    private let forward: (ByteBuffer) -> Void

    init(to peer: any Channel, _ forward: @escaping (ByteBuffer) -> Void) {
        self.peer = peer
        self.forward = forward
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        forward(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        peer.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
