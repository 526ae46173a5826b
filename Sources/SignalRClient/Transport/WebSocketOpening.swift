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
    /// Name in errors, such as `/connect`.
    let name: String
    /// Path and query.
    let target: String
    var headers: HTTPHeaders = [:]
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
        var headers = headers
        headers.replaceOrAdd(name: "Host", value: node.authority)
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
                node: "\(node)", request: name, status: status,
                text: AnswerText.quote(body.readableBytesView)))
    }

    /// An IP address cannot be a server name in TLS; the certificate is then checked against the address itself.
    static func tlsHandler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }
}

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
