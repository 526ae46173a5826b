import NIOCore

/// Requests of the connection, and the three transports with what arrives on them.
extension SignalRClient {
    // MARK: - Requests of the connection

    func negotiate() async {
        do {
            let answer = try await session.negotiate(over: network)
            if node.isTLS, configuration.transport == .webSockets { try await network.prepareTLS() }
            session.negotiated(answer)
            handle(.negotiated(disconnectTimeout: TimeAmount(answer.disconnectTimeout)))
        } catch {
            handle(.failed(clientError(error), epoch: epoch))
        }
    }

    func callStart(epoch: Int) async {
        do {
            _ = try await session.exchange(.start).perform(over: network, within: configuration.requestTimeout)
            handle(.startAnswered(epoch: epoch))
        } catch {
            handle(.failed(clientError(error), epoch: epoch))
        }
    }

    /// Takes at most one request: stopping must not wait for a dead node.
    func abort() async {
        _ = try? await session.exchange(.abort, posts: true).perform(
            over: network, within: min(configuration.requestTimeout, .seconds(5)))
    }

    private func clientError(_ error: any Error) -> SignalRClientError {
        switch error {
        case let error as SignalRClientError: error
        case is CancellationError: .stopped
        default: .transportLost(node: "\(node)", reason: ConnectReason.words(of: error))
        }
    }

    // MARK: - webSockets

    func openWebSocket(_ endpoint: NodeRequest, epoch: Int) {
        let target = session.target(endpoint, resuming: endpoint == .reconnect)
        // All are called on this actor's event loop.
        let events = WebSocketOpening.Events(
            began: { channel in self.assumeIsolated { $0.adopt(channel, epoch: epoch) } },
            opened: { self.assumeIsolated { $0.opened(epoch: epoch) } },
            received: { frame in self.assumeIsolated { $0.received(frame, epoch: epoch) } },
            ended: { error in self.assumeIsolated { $0.handle(.transportEnded(error, epoch: epoch)) } })
        WebSocketOpening(
            node: node, name: "/\(endpoint.rawValue)", target: target, network: network
        ).run(on: eventLoop, events)
    }

    private func adopt(_ channel: any Channel, epoch: Int) {
        if epoch == self.epoch {
            transport = .webSocket(channel)
        } else {
            channel.close(mode: .all, promise: nil)
        }
    }

    // MARK: - serverSentEvents

    func readEvents(_ endpoint: NodeRequest, within timeout: Duration, epoch: Int) async {
        let exchange = session.exchange(endpoint, resuming: endpoint == .reconnect)
        do {
            let response = try await exchange.head(over: network, within: timeout)
            var parser = EventStreamParser()
            for try await part in response.body {
                guard epoch == self.epoch else { return }
                let isSane = part.withUnsafeReadableBytes { bytes in
                    parser.append(bytes) { data in
                        // Not JSON: the first event of a stream.
                        if data.elementsEqual("initialized".utf8) {
                            opened(epoch: epoch)
                        } else {
                            received(data, epoch: epoch)
                        }
                    }
                }
                guard isSane else { break }
            }
            lose("the node ended the event stream", epoch: epoch)
        } catch {
            handle(.transportEnded(clientError(exchange.failure(error, timeout: timeout)), epoch: epoch))
        }
    }

    // MARK: - longPolling

    /// Added to the longest duration of a poll on the node.
    private static let pollGrace: Duration = .seconds(10)
    private static let longestPollDelay: Int64 = 30_000

    func poll(_ endpoint: NodeRequest, within timeout: Duration, epoch: Int) async {
        var endpoint = endpoint
        let longest = (session.negotiation?.connectionTimeout ?? .seconds(110)) + Self.pollGrace
        // The poll is not answered before there is a message.
        if endpoint == .reconnect { opened(epoch: epoch) }
        do {
            while epoch == self.epoch, !Task.isCancelled {
                let form = endpoint == .connect ? nil : QueryText(session.position)
                let body = try await session.exchange(endpoint, form: form, posts: true)
                    .perform(over: network, within: longest)
                guard epoch == self.epoch else { return }
                if endpoint == .connect { opened(epoch: epoch) }
                guard body.readableBytesView.contains(UInt8(ascii: "{")) else {
                    return lose("the node ended the polls with an empty answer", epoch: epoch)
                }
                let delay = body.withUnsafeReadableBytes { received($0, epoch: epoch) }
                if delay > 0 { try await Task.sleep(for: .milliseconds(min(delay, Self.longestPollDelay))) }
                endpoint = .poll
            }
        } catch {
            handle(.transportEnded(clientError(error), epoch: epoch))
        }
    }

    // MARK: - All of them

    private func received(_ buffer: ByteBuffer, epoch: Int) {
        _ = buffer.withUnsafeReadableBytes { received($0, epoch: epoch) }
    }

    /// - Returns: how long to wait before the next poll, in milliseconds.
    @discardableResult
    private func received(_ bytes: UnsafeRawBufferPointer, epoch: Int) -> Int64 {
        guard epoch == self.epoch else { return 0 }
        noteReceived()
        do {
            switch try NodeFrame(parsing: bytes) {
            case .keepAlive: return 0
            case .response(let response):
                calls.answer(response)
                return 0
            case .messages(let frame):
                deliver(frame, epoch: epoch)
                return frame.pollDelay
            }
        } catch {
            lose("\(error)", epoch: epoch)
            return 0
        }
    }

    private func deliver(_ frame: MessageFrame, epoch: Int) {
        session.received(frame)
        for message in frame.messages {
            switch message {
            case .invocation(let hub, let method, let arguments):
                emit(
                    .invocation(
                        ClientInvocation(hub: hub, method: method, arguments: arguments, cursor: frame.cursor)))
            case .progress(let call, let value):
                guard let call = Int(call) else { continue }
                calls.progress(call, value)
                emit(.progress(call: call, value: value))
            }
        }
        if frame.isInitial { handle(.initialized(epoch: epoch)) }
        if frame.asksToReconnect {
            emit(.nodeAsksToReconnect)
            handle(.nodeAsksToReconnect(epoch: epoch))
        }
    }
}
