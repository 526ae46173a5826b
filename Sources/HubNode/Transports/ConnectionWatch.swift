import NIOCore

/// Notifies a waiting response that its client has gone.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    /// Called once when the connection ends; each response replaces the previous handler.
    private var onEnd: (() -> Void)?

    /// Calls `body` on the event loop when the connection of this channel ends, unless it already has.
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
