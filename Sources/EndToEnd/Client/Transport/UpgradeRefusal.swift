import NIOCore
import NIOHTTP1

/// Reads the answer of a node that did not switch to webSockets, for the error's text.
final class UpgradeRefusal: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var ended: ((_ status: Int, _ body: ByteBuffer) -> Void)?
    private var status = 0
    private var body = ByteBuffer()

    init(ended: @escaping (_ status: Int, _ body: ByteBuffer) -> Void) {
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(var part):
            if body.readableBytes < HTTPExchange.quotedCharacters { body.writeBuffer(&part) }
        case .end:
            finish()
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func finish() {
        ended?(status, body)
        ended = nil
    }
}
