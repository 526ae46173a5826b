import Backplane
import JSON
import NIOCore
import NIOHTTP1

/// Opening a connection, from the negotiation to the handshake, and HTTP requests.
extension CoreSignalRClient {
    /// Maximum number of redirects, so that circular ones end.
    private static let redirects = 100

    func negotiate(epoch: Int) async {
        do {
            var address = CoreAddress(node: configuration.node, accessToken: configuration.accessToken)
            var found: CoreNegotiateAnswer.Connection?
            if !configuration.skipsNegotiation {
                (address, found) = try await negotiation(from: address)
            }
            if address.node.isTLS, configuration.transport == .webSockets { try await network.prepareTLS() }
            guard epoch == machine.epoch else { return }
            self.address = address
            connection = found
            handle(.negotiated(epoch: epoch))
        } catch {
            handle(.failed(clientError(error), epoch: epoch))
        }
    }

    private func negotiation(
        from address: CoreAddress
    ) async throws -> (CoreAddress, CoreNegotiateAnswer.Connection) {
        var address = address
        for _ in 0...Self.redirects {
            var query = QueryText(configuration.query)
            query.append("negotiateVersion", "\(configuration.negotiateVersion)")
            if configuration.usesStatefulReconnect { query.append("useStatefulReconnect", "true") }
            let body = try await HTTPExchange(
                node: address.node, name: CoreRequestName.negotiation, method: .POST,
                target: address.target("/negotiate", query), headers: headers(for: address)
            ).perform(over: network, within: configuration.timeouts.request)
            let json = body.withUnsafeReadableBytes { try? JSONTree(parsing: $0) }
            switch json.flatMap({ CoreNegotiateAnswer($0) }) {
            case .redirect(let url, let token)?: address = try address.redirected(to: url, accessToken: token)
            case .refused(let error)?: throw SignalRClientError.refusedByHub(node: "\(address.node)", error: error)
            case .connection(let connection)?:
                guard connection.offers(configuration.transport, configuration.format) else {
                    throw SignalRClientError.notCore(
                        node: "\(address.node)",
                        reason:
                            "it does not offer \(configuration.transport.rawValue) for \(configuration.format.name)")
                }
                return (address, connection)
            case nil:
                throw SignalRClientError.notCore(
                    node: "\(address.node)",
                    reason: CoreNegotiateAnswer.stranger(body.readableBytesView, json: json))
            }
        }
        throw SignalRClientError.notCore(
            node: "\(address.node)", reason: "it redirects clients more than \(Self.redirects) times")
    }

    /// Negotiates, and makes a request that changes nothing (``CoreAffinity``).
    func harmlessExchange() async throws -> HTTPExchange {
        let (address, found) = try await negotiation(from: address)
        self.address = address
        connection = found
        return exchange(CoreRequestName.end, .DELETE, accepted: [.ok, .accepted, .badRequest, .notFound])
    }

    func open(resuming: Bool, epoch: Int) {
        let timeout = configuration.timeouts.open
        after(TimeAmount(timeout)) { client in
            client.handle(
                .failed(
                    .timedOut(
                        node: "\(client.node)", what: "the opening of \(client.configuration.transport)",
                        after: timeout), epoch: epoch))
        }
        // The rest of a partially received message will not arrive: the node sends the message again.
        inbox = CoreInbox(limit: WebSocketClientHandler.maximumMessageBytes)
        if resuming {
            inbox.format = configuration.format
            // Data may arrive before the event that the webSocket is open.
            resumption?.begin()
        }
        switch configuration.transport {
        case .webSockets: openWebSocket(epoch: epoch)
        case .serverSentEvents: transport = .reader(Task { await readEvents(within: timeout, epoch: epoch) })
        case .longPolling: transport = .reader(Task { await poll(epoch: epoch) })
        }
    }

    func shakeHands(epoch: Int) {
        let timeout = configuration.timeouts.handshake
        after(TimeAmount(timeout)) { client in
            client.handle(
                .failed(
                    .timedOut(
                        node: "\(client.node)",
                        what: "the handshake over \(client.configuration.transport)", after: timeout),
                    epoch: epoch))
        }
        write(CoreOutgoing.handshake(configuration.format, version: wantsToResume ? 2 : 1))
    }

    /// Whether to use version 2 of the protocol, which has Ack and Sequence messages.
    private var wantsToResume: Bool { configuration.transport == .webSockets && connection?.isStateful == true }

    /// The first message from the node.
    func received(handshake message: [UInt8], epoch: Int) {
        switch CoreHandshakeAnswer(message) {
        case .accepted?:
            inbox.format = configuration.format
            resumption = wantsToResume ? CoreResumption() : nil
            handle(.shakenHands(canResume: wantsToResume, epoch: epoch))
        case .refused(let error)?:
            handle(
                .closed(.refusedByHub(node: "\(node)", error: error), allowReconnect: false, epoch: epoch))
        case nil:
            handle(
                .closed(
                    .notCore(node: "\(node)", reason: "its answer to the handshake is not a JSON object"),
                    allowReconnect: false, epoch: epoch))
        }
    }

    // MARK: - Requests

    /// A request to the hub itself.
    func exchange(
        _ name: String, _ method: HTTPMethod, headers extra: [(String, String)] = [], body: ByteBuffer? = nil,
        accepted: [HTTPResponseStatus] = [.ok]
    ) -> HTTPExchange {
        var headers = headers(for: address)
        for (name, value) in extra { headers.add(name: name, value: value) }
        return HTTPExchange(
            node: node, name: name, method: method, target: target, headers: headers, body: body, accepted: accepted)
    }

    /// Path and query of the connection's requests.
    var target: String {
        var query = QueryText(configuration.query)
        if let connection { query.append("id", connection.token) }
        return address.target("", query)
    }

    var headers: HTTPHeaders { headers(for: address) }

    private func headers(for address: CoreAddress) -> HTTPHeaders {
        var headers = HTTPHeaders(configuration.headers.map { ($0.name, $0.value) })
        if let token = address.accessToken { headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token)") }
        return headers
    }

    func clientError(_ error: any Error) -> SignalRClientError {
        switch error {
        case let error as SignalRClientError: error
        case is CancellationError: .stopped
        default: .transportLost(node: "\(node)", reason: ConnectReason.words(of: error))
        }
    }
}

/// Names of the requests in errors.
enum CoreRequestName {
    static let negotiation = "the negotiation"
    static let webSocket = "the webSocket"
    static let events = "the event stream"
    static let poll = "a poll"
    static let post = "a message"
    static let end = "the end of the polls"

    /// The usual meaning of a status, and the remedy; empty if the status is clear enough.
    static func remedy(status: Int, request: String) -> String? {
        switch (status, request) {
        case (404, negotiation): "there is no hub at this path: is it right (as in MapHub)?"
        case (405, negotiation): "it does not accept negotiation at this path: is it the hub's path (as in MapHub)?"
        case (404, webSocket), (404, events), (404, poll), (404, post):
            "it does not know the connection that was negotiated: a load balancer must send each client to the same node (affinity)"
        case (400, webSocket), (426, webSocket), (501, webSocket):
            "a proxy in front of it may not forward webSockets"
        default: nil
        }
    }
}
