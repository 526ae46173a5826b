import NIOCore
import NIOWebSocket

/// A webSocket as the broker writes to it: on the event loop, without waiting.
final class WebSocketLine: Sendable {
    private let channel: any Channel
    /// What is written from here goes past the encoder of frames.
    private let encoder: NIOLoopBound<ChannelHandlerContext>

    /// - Parameter channel: upgraded to webSockets; this is called on its event loop.
    /// - Throws: `ChannelPipelineError` if it is not.
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

    /// Nothing goes out before ``flush()``.
    func write(_ frame: EncodedFrame) {
        encoder.value.write(NIOAny(frame.webSocket), promise: nil)
    }

    func flush() {
        encoder.value.flush()
    }

    /// Says goodbye and closes; the peer's answer is not waited for.
    func close(_ code: WebSocketErrorCode = .normalClosure) {
        var data = ByteBufferAllocator().buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data), promise: nil)
        channel.close(promise: nil)
    }
}
