import NIOCore
import NIOHTTP1

/// Reads the response of a node that refuses the upgrade to webSockets, for the error, and hides it from the upgrade
/// handler. A successful response passes through.
final class UpgradeRefusal: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    private var ended: ((_ status: Int, _ body: ByteBuffer) -> Void)?
    private var hasSwitched = false
    /// 0 until refused.
    private var status = 0
    private var body = ByteBuffer()

    init(ended: @escaping (_ status: Int, _ body: ByteBuffer) -> Void) {
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // After the switch the data is not HTTP any more.
        guard !hasSwitched else { return context.fireChannelRead(data) }
        let part = unwrapInboundIn(data)
        if case .head(let head) = part {
            hasSwitched = head.status == .switchingProtocols
            guard !hasSwitched else { return context.fireChannelRead(data) }
            status = Int(head.status.code)
        }
        switch part {
        case .head: break
        case .body(var part):
            if body.readableBytes < AnswerText.quotedCharacters { body.writeBuffer(&part) }
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
        if hasSwitched { context.fireErrorCaught(error) } else { context.close(promise: nil) }
    }

    private func finish() {
        guard status != 0 else { return }
        ended?(status, body)
        ended = nil
    }
}
