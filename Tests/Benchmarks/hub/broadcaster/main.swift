// A minimal broadcaster over webSockets on swift-nio: a text frame from any client goes to all clients, encoded once,
// on one event loop. `broadcast` compares the hub node with it.
//
// usage: broadcaster PORT

import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// All clients.
final class Audience {
    /// Writes from here bypass the frame encoder and go straight to the socket.
    private var exits: [ObjectIdentifier: ChannelHandlerContext] = [:]

    func add(_ channel: any Channel) {
        exits[ObjectIdentifier(channel)] = try? channel.pipeline.syncOperations.context(
            handlerType: WebSocketFrameEncoder.self)
    }

    func remove(_ channel: any Channel) {
        exits[ObjectIdentifier(channel)] = nil
    }

    func broadcast(_ text: ByteBuffer) {
        var frame = ByteBufferAllocator().buffer(capacity: text.readableBytes + 4)
        // The final text frame of a message; the decoder refuses messages above 65,535 bytes.
        frame.writeInteger(UInt8(0x81))
        if text.readableBytes < 126 {
            frame.writeInteger(UInt8(text.readableBytes))
        } else {
            frame.writeInteger(UInt8(126))
            frame.writeInteger(UInt16(text.readableBytes))
        }
        frame.writeImmutableBuffer(text)
        for exit in exits.values { exit.writeAndFlush(NIOAny(frame), promise: nil) }
    }
}

final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let audience: Audience

    init(audience: Audience) {
        self.audience = audience
    }

    func handlerAdded(context: ChannelHandlerContext) {
        audience.add(context.channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text: audience.broadcast(frame.unmaskedData)
        case .connectionClose: context.close(promise: nil)
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        audience.remove(context.channel)
    }
}

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
    print("usage: broadcaster PORT")
    exit(64)
}
let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let audience = NIOLoopBoundBox.makeBoxSendingValue(Audience(), eventLoop: group.any())
let server = try await ServerBootstrap(group: group)
    .serverChannelOption(.backlog, value: 4096)
    .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
            let upgrader = NIOWebSocketServerUpgrader(
                maxFrameSize: Int(UInt16.max),
                shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
                upgradePipelineHandler: { channel, _ in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ClientHandler(audience: audience.value))
                    }
                })
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
        }
    }
    .bind(host: "127.0.0.1", port: port).get()
print("listening")
fflush(nil)
try await server.closeFuture.get()
