import NIOCore

/// Tells a response that waits for the backplane that its client has gone.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    /// Called once when the connection ends; each response puts its own in place of the one before.
    private var onEnd: (() -> Void)?

    /// Calls `body`, on the event loop, when the connection of this channel ends, if it has not ended already.
    static func whenEnded(_ channel: any Channel, _ body: @escaping @Sendable () -> Void) async {
        let isWatched = try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ConnectionWatch.self).onEnd = body
            return channel.isActive
        }.get()
        if isWatched != true { channel.eventLoop.execute(body) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd?()
        onEnd = nil
        context.fireChannelInactive()
    }
}
