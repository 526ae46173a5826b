import NIOCore
import NIOWebSocket

/// A webSocket for the broker: writes on the event loop, without waiting.
final class WebSocketLine: Sendable {
    private let channel: any Channel
    /// Writes from here bypass the frame encoder.
    private let encoder: NIOLoopBound<ChannelHandlerContext>

    /// - Parameter channel: upgraded to webSockets; this is called on its event loop.
    /// - Throws: `ChannelPipelineError` otherwise.
    init(channel: any Channel) throws {
        self.channel = channel
        encoder = NIOLoopBound(
            try channel.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self),
            eventLoop: channel.eventLoop)
    }

    var isWritable: Bool { channel.isWritable }

    func send(_ delivery: Outlet.Delivery) {
        switch delivery {
        case .frame(let frame):
            write(frame)
            flush()
        case .keepAlive: send(text: ByteBuffer(staticString: "{}"))
        case .end: close()
        }
    }

    func send(text: ByteBuffer) {
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: text), promise: nil)
    }

    /// Nothing is sent before ``flush()``.
    func write(_ frame: EncodedFrame) {
        encoder.value.write(NIOAny(frame.webSocket), promise: nil)
    }

    func flush() {
        encoder.value.flush()
    }

    /// Stops reading from the client: its send buffer fills, and it must wait.
    func stopReading() {
        try? channel.syncOptions?.setOption(.autoRead, value: false)
    }

    func readOn() {
        guard (try? channel.syncOptions?.getOption(.autoRead)) == false else { return }
        try? channel.syncOptions?.setOption(.autoRead, value: true)
    }

    /// Sends a close frame and closes, without waiting for the peer's close frame.
    func close(_ code: WebSocketErrorCode = .normalClosure) {
        var data = ByteBufferAllocator().buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data), promise: nil)
        channel.close(promise: nil)
    }
}
