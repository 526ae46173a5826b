import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Fetches a node's certificate, valid or not, to explain what is wrong with it. Sends no data to the node.
struct CertificateLook {
    let node: NodeURL
    let network: SignalRNetwork

    /// - Returns: nil on timeout.
    func certificate() async -> NIOSSLCertificate? {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        guard let context = try? NIOSSLContext(configuration: configuration) else { return nil }
        let loop = network.eventLoopGroup.any()
        let found = loop.makePromise(of: NIOSSLCertificate?.self)
        let timer = loop.scheduleTask(in: network.connectTimeout) { found.succeed(nil) }
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(network.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(WebSocketOpening.tlsHandler(context, host: node.host))
                    try sync.addHandler(HandshakeWatch(found))
                }
            }
            .connect(host: node.host, port: node.port)
        connecting.whenFailure { _ in found.succeed(nil) }
        let certificate = try? await found.futureResult.get()
        timer.cancel()
        connecting.whenSuccess { $0.close(promise: nil) }
        return certificate ?? nil
    }

    private final class HandshakeWatch: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let found: EventLoopPromise<NIOSSLCertificate?>

        init(_ found: EventLoopPromise<NIOSSLCertificate?>) {
            self.found = found
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted? = event as? TLSUserEvent {
                let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
                found.succeed(handler?.peerCertificate)
            }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { found.succeed(nil) }
    }
}
