import NIOCore
import NIOSSL

extension ChannelHandlerContext {
    /// Closes the socket without TLS' farewell, which a dead peer would make us wait for.
    func closeAtOnce() {
        if let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self) {
            // From behind the TLS handler, which so does not hear of it before the socket is closed.
            tls.close(promise: nil)
        } else {
            close(promise: nil)
        }
    }
}
