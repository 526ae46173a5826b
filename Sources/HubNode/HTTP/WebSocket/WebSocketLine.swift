import NIOCore
import NIOWebSocket

/// A webSocket as the broker writes to it: on the event loop, without waiting.
struct WebSocketLine: Sendable {
    private let channel: any Channel

    init(channel: any Channel) {
        self.channel = channel
    }

    var isWritable: Bool { channel.isWritable }

    func send(_ delivery: Outlet.Delivery) {
        switch delivery {
        case .frame(let json): send(text: json)
        case .keepAlive: send(text: ByteBuffer(staticString: "{}"))
        case .end: close()
        }
    }

    func send(text: ByteBuffer) {
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: text), promise: nil)
    }

    /// Says goodbye and closes; the peer's answer is not waited for.
    func close(_ code: WebSocketErrorCode = .normalClosure) {
        var data = ByteBufferAllocator().buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data), promise: nil)
        channel.close(promise: nil)
    }
}
