import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A proxy between a relay and its Redis that cuts a connection within what Redis sends.
final class CuttingProxy: Sendable {
    /// A place in the bytes of a connection.
    struct Place: Sendable {
        /// Text that Redis sends before the place.
        let mark: String
        /// Bytes between the end of the mark and the place.
        let after: Int
    }

    private struct State {
        var place: Place?
        var cuts = 0
    }

    let port: Int
    private let state: SharedState

    /// What all connections share.
    fileprivate final class SharedState: Sendable {
        private let value = Mutex(State())

        var cuts: Int { value.withLock { $0.cuts } }

        func arm(_ place: Place) { value.withLock { $0.place = place } }
        var place: Place? { value.withLock { $0.place } }

        func hasCut() {
            value.withLock {
                $0.place = nil
                $0.cuts += 1
            }
        }
    }

    private init(port: Int, state: SharedState) {
        self.port = port
        self.state = state
    }

    /// Connections that were cut.
    var cuts: Int { state.cuts }

    /// Cuts the first connection that reaches this place from now on.
    func cut(at place: Place) { state.arm(place) }

    func waitForCut(_ number: Int, within limit: Duration = .seconds(40)) async throws {
        try await eventually("cut \(number)", within: limit) { cuts >= number ? true : nil }
    }

    static func with<Value>(
        to redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: (CuttingProxy) async throws -> Value
    ) async throws -> Value {
        let state = SharedState()
        let (host, port) = (redis.host, redis.port)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                ClientBootstrap(group: outside.eventLoop)
                    .channelInitializer { inside in
                        inside.eventLoop.makeCompletedFuture {
                            try inside.pipeline.syncOperations.addHandler(Cutter(to: outside, state))
                            try outside.pipeline.syncOperations.addHandler(Cutter(to: inside, nil))
                        }
                    }
                    .connect(host: host, port: port)
                    .flatMap { _ in outside.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(CuttingProxy(port: server.localAddress?.port ?? 0, state: state))
            try await server.close()
            return value
        } catch {
            try? await server.close()
            throw error
        }
    }
}

/// Passes bytes on to the other side, up to the place of a cut.
private final class Cutter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: any Channel
    /// nil for a direction that is not cut.
    private let state: CuttingProxy.SharedState?
    private var finder = PlaceFinder()
    private var isCut = false

    init(to peer: any Channel, _ state: CuttingProxy.SharedState?) {
        self.peer = peer
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        guard !isCut else { return }
        if let state, let place = state.place, let length = finder.find(place, in: buffer.readableBytesView) {
            isCut = true
            state.hasCut()
            if let head = buffer.readSlice(length: length) { peer.write(head, promise: nil) }
            peer.flush()
            peer.close(promise: nil)
            context.close(promise: nil)
        } else {
            peer.writeAndFlush(buffer, promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        peer.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Finds a place in a stream that comes in pieces.
struct PlaceFinder {
    /// The end of what has passed, shorter than the mark.
    private var tail: [UInt8] = []
    /// Bytes up to the place, once the mark has passed.
    private var left: Int?

    /// - Returns: the number of bytes before the place; nil if it comes later.
    mutating func find(_ place: CuttingProxy.Place, in piece: some Collection<UInt8>) -> Int? {
        let bytes = tail + piece
        if left == nil {
            let mark = Array(place.mark.utf8)
            let last = bytes.count - mark.count
            let start = last < 0 ? nil : (0...last).first { bytes[$0..<($0 + mark.count)].elementsEqual(mark) }
            guard let start else {
                tail = Array(bytes.suffix(mark.count - 1))
                return nil
            }
            left = start + mark.count + place.after - tail.count
            tail = []
        }
        guard let left, left > piece.count else { return max(0, left ?? 0) }
        self.left = left - piece.count
        return nil
    }
}
