import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// Opens a webSocket: TCP, TLS if the URL requires it, the HTTP upgrade.
struct WebSocketOpening: Sendable {
    /// Callbacks on the client's event loop. After `ended` only another `ended` can follow.
    struct Events: Sendable {
        /// There is a channel to close; the upgrade has not finished.
        var began: @Sendable (any Channel) -> Void
        var opened: @Sendable () -> Void
        var received: @Sendable (ByteBuffer) -> Void
        var ended: @Sendable (SignalRClientError) -> Void
    }

    let node: NodeURL
    let endpoint: NodeRequest
    let query: QueryText
    let network: SignalRNetwork

    func run(on loop: any EventLoop, _ events: Events) {
        let tls: NIOSSLContext?
        do {
            tls = node.isTLS ? try network.sslContext() : nil
        } catch {
            events.ended(.cannotConnect(node: "\(node)", reason: ConnectReason.text(of: error, node: node)))
            return
        }
        ClientBootstrap(group: loop)
            .connectTimeout(network.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel, tls: tls, events) }
            }
            .connect(host: node.host, port: node.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): began(channel, events)
                case .failure(let error):
                    events.ended(.cannotConnect(node: "\(node)", reason: ConnectReason.text(of: error, node: node)))
                }
            }
    }

    /// A name can have several addresses, each tried with a separate channel: only the one that connects counts, and
    /// only its upgrade is awaited.
    private func began(_ channel: any Channel, _ events: Events) {
        events.began(channel)
        @Sendable func fail(_ error: any Error) {
            events.ended(.cannotConnect(node: "\(node)", reason: ConnectReason.text(of: error, node: node)))
            channel.close(mode: .all, promise: nil)
        }
        do {
            try channel.pipeline.syncOperations.handler(type: NIOTypedHTTPClientUpgradeHandler<Bool>.self)
                .upgradeResultFuture.whenComplete { result in
                    switch result {
                    case .success(true): events.opened()
                    case .success(false): break
                    case .failure(let error): fail(error)
                    }
                }
        } catch {
            fail(error)
        }
    }

    private func configure(_ channel: any Channel, tls: NIOSSLContext?, _ events: Events) throws {
        if let tls {
            try channel.pipeline.syncOperations.addHandler(Self.tlsHandler(tls, host: node.host))
        }
        let upgrader = NIOTypedWebSocketClientUpgrader<Bool>(maxFrameSize: WebSocketClientHandler.maximumMessageBytes) {
            channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let handler = WebSocketClientHandler(received: events.received) { reason in
                    events.ended(.transportLost(node: "\(node)", reason: reason))
                }
                try channel.pipeline.syncOperations.addHandler(handler)
                return true
            }
        }
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: node.authority)
        let target = "\(node.path)/\(endpoint.rawValue)?\(query.text)"
        let configuration = NIOTypedHTTPClientUpgradeConfiguration<Bool>(
            upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: headers),
            upgraders: [upgrader]
        ) { channel in
            refused(status: 101, ByteBuffer(string: "it does not switch to the webSocket protocol"), events)
            return channel.close().map { false }
        }
        var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration)
        // A node sends the first frames right after its response: they must not be dropped with the HTTP decoder.
        pipeline.leftOverBytesStrategy = .forwardBytes
        let sync = channel.pipeline.syncOperations
        _ = try sync.configureUpgradableHTTPClientPipeline(configuration: pipeline)
        // Before the upgrade handler, which fails without a status if a refusal arrives together with the close.
        let refusal = UpgradeRefusal { status, body in refused(status: status, body, events) }
        try sync.addHandler(
            refusal, position: .before(sync.handler(type: NIOTypedHTTPClientUpgradeHandler<Bool>.self)))
    }

    private func refused(status: Int, _ body: ByteBuffer, _ events: Events) {
        events.ended(
            .refused(
                node: "\(node)", request: "/\(endpoint.rawValue)", status: status,
                text: AnswerText.quote(body.readableBytesView)))
    }

    /// An IP address cannot be a server name in TLS; the certificate is then checked against the address itself.
    static func tlsHandler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }
}
