import NIOCore
import NIOWebSocket

/// The last handler of a webSocket: assembles messages, answers pings, reports the end once.
final class WebSocketClientHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Nodes send no longer messages.
    static let maximumMessageBytes = 16 << 20

    private let received: (ByteBuffer) -> Void
    private var ended: ((_ reason: String) -> Void)?
    private var fragments: ByteBuffer?
    private var reason = "closed by the node"

    init(received: @escaping (ByteBuffer) -> Void, ended: @escaping (_ reason: String) -> Void) {
        self.received = received
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text, .binary, .continuation: append(frame, context: context)
        case .ping:
            let pong = WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: frame.unmaskedData)
            context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
        case .connectionClose:
            var data = frame.unmaskedData
            if let code = data.readWebSocketErrorCode() {
                let text = String(buffer: data)
                reason = "closed by the node: \(code)\(text.isEmpty ? "" : " \(text)")"
            }
            let close = WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: ByteBuffer())
            context.writeAndFlush(wrapOutboundOut(close), promise: nil)
            context.close(promise: nil)
        default: break
        }
    }

    private func append(_ frame: WebSocketFrame, context: ChannelHandlerContext) {
        var data = frame.unmaskedData
        if var fragments {
            self.fragments = nil
            fragments.writeBuffer(&data)
            data = fragments
        }
        guard data.readableBytes <= Self.maximumMessageBytes else {
            reason = "a message of more than \(Self.maximumMessageBytes) bytes"
            context.close(promise: nil)
            return
        }
        if frame.fin {
            received(data)
        } else {
            fragments = data
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = ConnectReason.words(of: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended?(reason)
        ended = nil
        context.fireChannelInactive()
    }
}
