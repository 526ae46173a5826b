import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A proxy between a relay and its Redis that can insert bytes into Redis' data.
final class WireProxy: Sendable {
    let port: Int
    private let lines: Lines

    private init(port: Int, lines: Lines) {
        self.port = port
        self.lines = lines
    }

    static func with<Value>(
        to redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: (WireProxy) async throws -> Value
    ) async throws -> Value {
        let lines = Lines()
        let (host, port) = (redis.host, redis.port)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                let line = Line(to: outside)
                lines.add(line)
                outside.closeFuture.whenComplete { _ in lines.remove(line) }
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
            let value = try await body(WireProxy(port: server.localAddress?.port ?? 0, lines: lines))
            try await server.close()
            return value
        } catch {
            try? await server.close()
            throw error
        }
    }

    /// Inserts bytes into each of the relay's connections, between two replies of Redis: within a reply they could pass
    /// for part of a payload.
    func inject(_ bytes: [UInt8]) {
        for line in lines.all { line.inject(bytes) }
    }
}

/// The connections of a relay: the subscription, and those for commands.
private final class Lines: Sendable {
    private let open = Mutex<[ObjectIdentifier: Line]>([:])

    var all: [Line] { open.withLock { Array($0.values) } }

    func add(_ line: Line) { open.withLock { $0[ObjectIdentifier(line)] = line } }
    func remove(_ line: Line) { _ = open.withLock { $0.removeValue(forKey: ObjectIdentifier(line)) } }
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

    /// Called on the event loop.
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

/// Finds the boundaries of a Redis server's replies. Assumes complete and valid replies.
struct ReplyBoundaries {
    /// Remaining elements of each open array.
    private var open: [Int] = []
    /// Remaining bytes of a bulk string, including its line end.
    private var bulk = 0
    private var line: [UInt8] = []

    /// Whether the position is between two replies.
    var isAtBoundary: Bool { open.isEmpty && bulk == 0 && line.isEmpty }

    /// Scans `bytes` up to the first boundary.
    ///
    /// - Returns: the number of bytes before the boundary; nil if there is none in `bytes`.
    mutating func advance(_ bytes: some Collection<UInt8>) -> Int? {
        var rest = bytes[...]
        var done = 0
        while !rest.isEmpty {
            if bulk > 0 {
                let taken = rest.prefix(bulk).count
                bulk -= taken
                done += taken
                rest = rest.dropFirst(taken)
                if bulk == 0 { complete() }
            } else {
                let byte = rest.removeFirst()
                done += 1
                line.append(byte)
                if byte == UInt8(ascii: "\n") { endLine() }
            }
            if isAtBoundary { return done }
        }
        return nil
    }

    private mutating func endLine() {
        let number = Int(String(decoding: line.dropFirst().dropLast(2), as: UTF8.self)) ?? 0
        let type = line.first
        line = []
        switch type {
        case UInt8(ascii: "*") where number > 0: open.append(number)
        case UInt8(ascii: "$") where number >= 0: bulk = number + 2
        default: complete()
        }
    }

    private mutating func complete() {
        while let last = open.popLast() {
            if last > 1 {
                open.append(last - 1)
                return
            }
        }
    }
}
