import Backplane
import JSON
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Opening a connection, from the negotiation to the handshake, over each of the three transports, and writing to it.
extension CoreSignalRClient {
    /// Longer than the 90 s after which a node answers a poll.
    private static let longestPoll: Duration = .seconds(110)

    func negotiate(epoch: Int) async {
        do {
            var session = CoreSession(configuration)
            if !configuration.skipsNegotiation { session = try await session.negotiated(over: network) }
            if session.node.isTLS, configuration.transport == .webSockets { try await network.prepareTLS() }
            guard epoch == self.epoch else { return }
            self.session = session
            handle(.negotiated(epoch: epoch))
        } catch {
            handle(.failed(clientError(error), epoch: epoch))
        }
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
        messages.begin(resuming: resuming)
        switch configuration.transport {
        case .webSockets: openWebSocket(epoch: epoch)
        case .serverSentEvents: transport.use(.reader(Task { await readEvents(within: timeout, epoch: epoch) }))
        case .longPolling: transport.use(.reader(Task { await poll(epoch: epoch) }))
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
        write(CoreOutgoing.handshake(configuration.format, version: session.isResumable ? 2 : 1))
    }

    /// The first message from the node.
    func received(handshakeAnswer message: [UInt8], epoch: Int) {
        switch CoreHandshakeAnswer(message) {
        case .accepted?:
            messages.accepted(isResumable: session.isResumable)
            handle(.shakenHands(canResume: session.isResumable, epoch: epoch))
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

    // MARK: - The transports

    private func openWebSocket(epoch: Int) {
        // All are called on this actor's event loop.
        let events = WebSocketOpening.Events(
            began: { channel in self.assumeIsolated { $0.adopt(channel, epoch: epoch) } },
            opened: { self.assumeIsolated { $0.handle(.opened(epoch: epoch)) } },
            received: { frame in
                self.assumeIsolated { client in client.received(frame.readableBytesView, epoch: epoch) }
            },
            ended: { error in self.assumeIsolated { $0.handle(.transportEnded(error, epoch: epoch)) } })
        WebSocketOpening(
            node: node, name: CoreRequestName.webSocket, target: session.target, headers: session.headers,
            network: network
        ).run(on: eventLoop, events)
    }

    private func adopt(_ channel: any Channel, epoch: Int) {
        if epoch == self.epoch {
            transport.use(.webSocket(channel))
        } else {
            channel.close(mode: .all, promise: nil)
        }
    }

    private func readEvents(within timeout: Duration, epoch: Int) async {
        let exchange = session.exchange(CoreRequestName.events, .GET, headers: [("Accept", "text/event-stream")])
        do {
            let response = try await exchange.head(over: network, within: timeout)
            guard epoch == self.epoch else { return }
            handle(.opened(epoch: epoch))
            var parser = EventStreamParser()
            for try await part in response.body {
                guard epoch == self.epoch else { return }
                let isSane = part.withUnsafeReadableBytes { bytes in
                    parser.append(bytes) { received($0, epoch: epoch) }
                }
                guard isSane else { break }
            }
            lose("the node ended the event stream", epoch: epoch)
        } catch {
            handle(.transportEnded(clientError(exchange.failure(error, timeout: timeout)), epoch: epoch))
        }
    }

    private func poll(epoch: Int) async {
        do {
            var isOpen = false
            while epoch == self.epoch, !Task.isCancelled {
                // The first poll is answered immediately.
                let answer = try await session.exchange(CoreRequestName.poll, .GET, accepted: [.ok, .noContent])
                    .answer(over: network, within: isOpen ? Self.longestPoll : configuration.timeouts.open)
                guard epoch == self.epoch else { return }
                guard answer.status == .ok else {
                    return lose("the node ended the polls", epoch: epoch)
                }
                if !isOpen {
                    isOpen = true
                    handle(.opened(epoch: epoch))
                }
                received(answer.body.readableBytesView, epoch: epoch)
            }
        } catch {
            handle(.transportEnded(clientError(error), epoch: epoch))
        }
    }

    private func clientError(_ error: any Error) -> SignalRClientError {
        switch error {
        case let error as SignalRClientError: error
        case is CancellationError: .stopped
        default: .transportLost(node: "\(node)", reason: ConnectReason.words(of: error))
        }
    }

    // MARK: - To the node

    func write(_ message: [UInt8]) {
        noteSent()
        let epoch = epoch
        guard let channel = transport.webSocket else {
            if transport.enqueue(message, epoch: epoch) { Task { await post(epoch: epoch) } }
            return
        }
        let isBinary = configuration.format == .messagePack
        let frame = WebSocketFrame(
            fin: true, opcode: isBinary ? .binary : .text, maskKey: .random(), data: ByteBuffer(bytes: message))
        channel.writeAndFlush(frame).whenFailure { error in
            let reason = ConnectReason.words(of: error)
            self.assumeIsolated { $0.lose(reason, epoch: epoch) }
        }
    }

    /// Sends one request at a time, so that messages arrive in order; later messages wait for the next request.
    private func post(epoch: Int) async {
        defer { transport.endPosting(epoch: epoch) }
        let type = configuration.format == .json ? "text/plain;charset=UTF-8" : "application/octet-stream"
        do {
            while epoch == self.epoch, let body = transport.nextBody() {
                _ = try await session.exchange(
                    CoreRequestName.post, .POST, headers: [("Content-Type", type)], body: body
                )
                .perform(over: network, within: configuration.timeouts.request)
            }
        } catch {
            handle(.transportEnded(clientError(error), epoch: epoch))
        }
    }

    /// Sends at most one request: stopping must not wait for a dead node.
    ///
    /// - Returns: the pending request, if any.
    func sayGoodbye(connected: Bool) -> Task<Void, Never>? {
        if configuration.transport == .longPolling, let exchange = session.endOfPolls {
            let timeout = min(configuration.timeouts.request, .seconds(5))
            let network = network
            return Task { _ = try? await exchange.perform(over: network, within: timeout) }
        }
        if let channel = transport.webSocket {
            if connected { write(CoreOutgoing.close.encoded(configuration.format)) }
            var code = ByteBuffer()
            code.write(webSocketErrorCode: .normalClosure)
            channel.writeAndFlush(
                WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: code), promise: nil)
        }
        return nil
    }
}
