import NIOCore
import NIOPosix
import NIOSSL

/// Terminates TLS for a node, like a load balancer.
enum TLSProxy {
    /// Runs `body` with the port of a proxy to a local port.
    static func run<Value>(to port: Int, _ body: (_ port: Int) async throws -> Value) async throws -> Value {
        let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(try certificate())], privateKey: .privateKey(key)))
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { outside in
                outside.eventLoop.makeCompletedFuture {
                    try outside.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }.flatMap {
                    ClientBootstrap(group: outside.eventLoop)
                        .channelInitializer { inside in
                            inside.eventLoop.makeCompletedFuture {
                                try inside.pipeline.syncOperations.addHandler(Relay(to: outside))
                                try outside.pipeline.syncOperations.addHandler(Relay(to: inside))
                            }
                        }
                        .connect(host: "127.0.0.1", port: port)
                }.flatMap { _ in outside.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(server.localAddress?.port ?? 0)
            try await server.close()
            return value
        } catch {
            try await server.close()
            throw error
        }
    }

    /// Self-signed, for localhost and 127.0.0.1.
    static func certificate() throws -> NIOSSLCertificate {
        try NIOSSLCertificate(bytes: Array(certificateText.utf8), format: .pem)
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let peer: any Channel

        init(to peer: any Channel) {
            self.peer = peer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            peer.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            peer.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    // A published key, trusted by this test only.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5u1EDAyAdUZkw/My
        5hALZ30Ssmiq6eNEx01INLWuU1ahRANCAARzYXGZ1OXDpGNbckBd8/JRg/D/6duJ
        denxh1UwAQoYokOwrAwv8lralwbz/5KU9yaBKlPLFtsMfEVaiZ4+nXlS
        -----END PRIVATE KEY-----
        """

    private static let certificateText = """
        -----BEGIN CERTIFICATE-----
        MIIBnDCCAUGgAwIBAgIUfbg0+MuK+sgcbVKeIENlowt8ozMwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTE2MzMwOVoYDzIxMjYxMTAx
        MTYzMzA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARzYXGZ1OXDpGNbckBd8/JRg/D/6duJdenxh1UwAQoYokOwrAwv8lra
        lwbz/5KU9yaBKlPLFtsMfEVaiZ4+nXlSo28wbTAdBgNVHQ4EFgQU0Ga9O6l5Wp8O
        UP5t1UdtzSGehSYwHwYDVR0jBBgwFoAU0Ga9O6l5Wp8OUP5t1UdtzSGehSYwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSQAwRgIhAMBbp7G4cHa/xMCDUHCkxcdBvIZyyc06wgIr/kQkcelcAiEA
        /ojdqrdngW98zfxq5V/cNJxYo0ban3baGmOSpBlByXo=
        -----END CERTIFICATE-----
        """
}
