import JSON
import NIOCore

/// Connecting, and recovering a lost transport.
extension SignalRClient {
    func negotiate() async {
        do {
            let body = try await exchange(.negotiate).perform(over: network, within: configuration.requestTimeout)
            guard let json = Self.json(body), let negotiation = NegotiateAnswer(json) else {
                throw SignalRClientError.badAnswer(
                    node: "\(node)", request: "/negotiate",
                    reason: AnswerText.kind(of: body.readableBytesView, json: Self.json(body)))
            }
            guard negotiation.offersWebSockets || configuration.transport != .webSockets else {
                throw SignalRClientError.badAnswer(
                    node: "\(node)", request: "/negotiate", reason: "it offers no webSockets")
            }
            if node.isTLS, configuration.transport == .webSockets { try await network.prepareTLS() }
            self.negotiation = negotiation
            handle(.negotiated(disconnectTimeout: TimeAmount(negotiation.disconnectTimeout)))
        } catch {
            handle(.failed(clientError(error), epoch: machine.epoch))
        }
    }

    func callStart(epoch: Int) async {
        do {
            _ = try await exchange(.start).perform(over: network, within: configuration.requestTimeout)
            handle(.startAnswered(epoch: epoch))
        } catch {
            handle(.failed(clientError(error), epoch: epoch))
        }
    }

    /// Takes at most one request: stopping must not wait for a dead node.
    func abort() async {
        _ = try? await exchange(.abort, posts: true).perform(
            over: network, within: min(configuration.requestTimeout, .seconds(5)))
    }

    func open(_ purpose: ConnectionMachine.Purpose, epoch: Int) {
        let timeout = configuration.openTimeout ?? negotiation?.transportConnectTimeout ?? .seconds(5)
        after(TimeAmount(timeout)) { client in
            // If a transport opened but no first frame arrived, the backplane behind the node is the likely cause.
            let error: SignalRClientError =
                purpose == .connect && client.hasOpened
                ? .notInitialized(node: "\(client.node)", after: timeout)
                : .timedOut(
                    node: "\(client.node)", what: "the opening of \(client.configuration.transport)", after: timeout)
            client.handle(.failed(error, epoch: epoch))
        }
        hasOpened = false
        let endpoint: NodeRequest = purpose == .connect ? .connect : .reconnect
        switch configuration.transport {
        case .webSockets: openWebSocket(endpoint, epoch: epoch)
        case .serverSentEvents: transport = .reader(Task { await readEvents(endpoint, within: timeout, epoch: epoch) })
        case .longPolling: transport = .reader(Task { await poll(endpoint, within: timeout, epoch: epoch) })
        }
    }

    /// The transport is open; frames will follow.
    func opened(epoch: Int) {
        guard epoch == machine.epoch else { return }
        hasOpened = true
        handle(.transportOpened(epoch: epoch))
    }

    // MARK: - Silence

    func watchKeepAlive() {
        timer?.cancel()
        // A long poll is silent while there are no messages, and has its own limit.
        guard let timeout = negotiation?.keepAliveTimeout, configuration.transport != .longPolling else { return }
        let monitor = KeepAliveMonitor(timeout: TimeAmount(timeout), now: .now())
        keepAlive = monitor
        checkKeepAlive(monitor)
    }

    private func checkKeepAlive(_ monitor: KeepAliveMonitor) {
        switch monitor.verdict(at: .now()) {
        case .alive(let end):
            after(end - .now()) { client in
                if let monitor = client.keepAlive { client.checkKeepAlive(monitor) }
            }
        case .dead:
            let seconds = monitor.timeout.nanoseconds / 1_000_000_000
            handle(
                .transportEnded(
                    .transportLost(node: "\(node)", reason: "nothing arrived for \(seconds) s, not even a keep-alive"),
                    epoch: machine.epoch))
        }
    }

    // MARK: - Requests

    func exchange(_ endpoint: NodeRequest, form: QueryText? = nil, posts: Bool = false) -> HTTPExchange {
        HTTPExchange(node: node, endpoint: endpoint, query: query(for: endpoint), form: form, posts: posts)
    }

    func query(for endpoint: NodeRequest, resuming: Bool = false) -> QueryText {
        var query = QueryText()
        if endpoint != .negotiate {
            query.append("transport", configuration.transport.rawValue)
            query.append("connectionToken", negotiation?.connectionToken ?? "")
        }
        query.append("clientProtocol", "2.0")
        let hubs = configuration.hubs.map { JSONTree.object([.init("name", .string($0.lowercased()))]) }
        query.append("connectionData", JSONTree.array(hubs).description)
        for item in configuration.query { query.append(item.name, item.value) }
        if resuming { for item in position { query.append(item.name, item.value) } }
        return query
    }

    /// Where to resume.
    var position: [(name: String, value: String)] {
        [("messageId", cursor), ("groupsToken", groupsToken)].compactMap { name, value in value.map { (name, $0) } }
    }

    func clientError(_ error: any Error) -> SignalRClientError {
        switch error {
        case let error as SignalRClientError: error
        case is CancellationError: .stopped
        default: .transportLost(node: "\(node)", reason: ConnectReason.words(of: error))
        }
    }

    static func json(_ body: ByteBuffer) -> JSONTree? {
        body.withUnsafeReadableBytes { try? JSONTree(parsing: $0) }
    }
}
