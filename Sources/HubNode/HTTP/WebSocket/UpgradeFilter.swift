import NIOCore
import NIOHTTP1

/// Takes the wish for a webSocket off a request that gets none, so that it is answered over HTTP as any other: where an
/// upgrader refuses, NIO ends the connection without an answer.
final class UpgradeFilter: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let isAdmitted: (HTTPRequestHead) -> Bool
    /// Only the first request of a connection can change what the connection is.
    private var hasDecided = false

    init(isAdmitted: @escaping (HTTPRequestHead) -> Bool) {
        self.isAdmitted = isAdmitted
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Behind an upgrade it is no HTTP any more.
        guard !hasDecided, case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        hasDecided = true
        guard head.headers.contains(name: "Upgrade"), !isAdmitted(head) else { return context.fireChannelRead(data) }
        head.headers.remove(name: "Upgrade")
        let options = head.headers[canonicalForm: "Connection"].filter { $0.lowercased() != "upgrade" }
        head.headers.replaceOrAdd(name: "Connection", value: options.joined(separator: ", "))
        if options.isEmpty { head.headers.remove(name: "Connection") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
