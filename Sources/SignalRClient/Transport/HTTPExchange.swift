import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS

/// One request and its complete response.
struct HTTPExchange: Sendable {
    /// Larger than any response of a node: 5,000 messages of a long poll have some megabytes.
    static let maximumAnswerBytes = 64 << 20

    let node: NodeURL
    /// For errors: `/negotiate`.
    let name: String
    let request: HTTPExchangeRequest
    /// The statuses that are not a refusal.
    private(set) var accepted: [HTTPResponseStatus] = [.ok]

    /// - Parameter form: body of a POST; without it the request is a GET, or an empty POST if `posts`.
    init(node: NodeURL, endpoint: NodeRequest, query: QueryText, form: QueryText? = nil, posts: Bool = false) {
        self.node = node
        name = "/\(endpoint.rawValue)"
        var request = HTTPExchangeRequest(
            node: node, method: form != nil || posts ? .POST : .GET,
            target: "\(node.path)/\(endpoint.rawValue)?\(query.text)")
        if let form {
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded; charset=UTF-8")
            request.body = ByteBuffer(string: form.text)
        }
        self.request = request
    }

    /// - Parameters:
    ///   - target: the path and query.
    ///   - body: nil for none.
    ///   - accepted: the statuses that are not a refusal.
    init(
        node: NodeURL, name: String, method: HTTPMethod, target: String, headers: HTTPHeaders = [:],
        body: ByteBuffer? = nil, accepted: [HTTPResponseStatus] = [.ok]
    ) {
        self.node = node
        self.name = name
        self.accepted = accepted
        request = HTTPExchangeRequest(node: node, method: method, target: target, headers: headers, body: body)
    }

    /// - Returns: the body.
    /// - Throws: ``SignalRClientError``, also for a status other than 200; `CancellationError`.
    func perform(over network: SignalRNetwork, within timeout: Duration) async throws -> ByteBuffer {
        try await answer(over: network, within: timeout).body
    }

    /// - Throws: ``SignalRClientError``, also for a status that is not accepted; `CancellationError`.
    func answer(
        over network: SignalRNetwork, within timeout: Duration
    ) async throws -> (status: HTTPResponseStatus, body: ByteBuffer) {
        let expired = SignalRClientError.timedOut(node: "\(node)", what: name, after: timeout)
        return try await Deadline.run(within: timeout, on: network.eventLoopGroup.any(), expired: expired) {
            let response = try await head(over: network, within: timeout)
            do {
                return (response.status, try await response.body.collect(upTo: Self.maximumAnswerBytes))
            } catch {
                throw failure(error, timeout: timeout)
            }
        }
    }

    /// Returns the beginning of a response with an accepted status; the body follows.
    func head(over network: SignalRNetwork, within timeout: Duration) async throws -> HTTPExchangeResponse {
        let response: HTTPExchangeResponse
        do {
            response = try await network.http.response(to: request, within: timeout)
        } catch {
            guard ConnectReason.isAboutCertificate(error) else { throw failure(error, timeout: timeout) }
            let certificate = await CertificateLook(node: node, network: network).certificate()
            throw SignalRClientError.cannotConnect(
                node: "\(node)", reason: ConnectReason.text(of: error, node: node, certificate: certificate))
        }
        guard accepted.contains(response.status) else {
            let body = try? await response.body.collect(upTo: 64 * 1024)
            throw SignalRClientError.refused(
                node: "\(node)", request: name, status: Int(response.status.code),
                text: body.map { AnswerText.quote($0.readableBytesView) } ?? "")
        }
        return response
    }

    func failure(_ error: any Error, timeout: Duration) -> any Error {
        if error is SignalRClientError || error is CancellationError { return error }
        switch error as? HTTPConnectionError {
        case .timedOut?:
            return SignalRClientError.timedOut(node: "\(node)", what: name, after: timeout)
        case .closed?:
            let question = "; is it a web server, and does its port speak TLS (then write https://)?"
            return SignalRClientError.transportLost(
                node: "\(node)",
                reason: "the node closed it during \(name)\(name == "/negotiate" && !node.isTLS ? question : "")")
        default:
            return SignalRClientError.cannotConnect(node: "\(node)", reason: ConnectReason.text(of: error, node: node))
        }
    }
}

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
