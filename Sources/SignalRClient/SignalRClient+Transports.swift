import NIOCore

/// The three transports.
extension SignalRClient {
    // MARK: - webSockets

    func openWebSocket(_ endpoint: NodeRequest, epoch: Int) {
        let query = query(for: endpoint, resuming: endpoint == .reconnect)
        // All are called on this actor's event loop.
        let events = WebSocketOpening.Events(
            began: { channel in self.assumeIsolated { $0.adopt(channel, epoch: epoch) } },
            opened: { self.assumeIsolated { $0.opened(epoch: epoch) } },
            received: { frame in self.assumeIsolated { $0.received(frame, epoch: epoch) } },
            ended: { error in self.assumeIsolated { $0.handle(.transportEnded(error, epoch: epoch)) } })
        WebSocketOpening(
            node: node, name: "/\(endpoint.rawValue)", target: "\(node.path)/\(endpoint.rawValue)?\(query.text)",
            network: network
        ).run(on: eventLoop, events)
    }

    private func adopt(_ channel: any Channel, epoch: Int) {
        if epoch == machine.epoch {
            transport = .webSocket(channel)
        } else {
            channel.close(mode: .all, promise: nil)
        }
    }

    // MARK: - serverSentEvents

    func readEvents(_ endpoint: NodeRequest, within timeout: Duration, epoch: Int) async {
        let exchange = HTTPExchange(
            node: node, endpoint: endpoint, query: query(for: endpoint, resuming: endpoint == .reconnect))
        do {
            let response = try await exchange.head(over: network, within: timeout)
            var parser = EventStreamParser()
            for try await part in response.body {
                guard epoch == machine.epoch else { return }
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
        let longest = (negotiation?.connectionTimeout ?? .seconds(110)) + Self.pollGrace
        // The poll is not answered before there is a message.
        if endpoint == .reconnect { opened(epoch: epoch) }
        do {
            while epoch == machine.epoch, !Task.isCancelled {
                let form = endpoint == .connect ? nil : QueryText(position)
                let body = try await exchange(endpoint, form: form, posts: true).perform(over: network, within: longest)
                guard epoch == machine.epoch else { return }
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

    private func lose(_ reason: String, epoch: Int) {
        handle(.transportEnded(.transportLost(node: "\(node)", reason: reason), epoch: epoch))
    }

    private func received(_ buffer: ByteBuffer, epoch: Int) {
        _ = buffer.withUnsafeReadableBytes { received($0, epoch: epoch) }
    }

    /// - Returns: how long to wait before the next poll, in milliseconds.
    @discardableResult
    private func received(_ bytes: UnsafeRawBufferPointer, epoch: Int) -> Int64 {
        guard epoch == machine.epoch else { return 0 }
        keepAlive?.received(at: .now())
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
        cursor = frame.cursor
        if let token = frame.groupsToken { groupsToken = token }
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
