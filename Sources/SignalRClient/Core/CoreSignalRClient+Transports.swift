import Backplane
import JSON
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The three transports.
extension CoreSignalRClient {
    /// Longer than the 90 s after which a node answers a poll.
    private static let longestPoll: Duration = .seconds(110)

    func openWebSocket(epoch: Int) {
        // All are called on this actor's event loop.
        let events = WebSocketOpening.Events(
            began: { channel in self.assumeIsolated { $0.adopt(channel, epoch: epoch) } },
            opened: { self.assumeIsolated { $0.handle(.opened(epoch: epoch)) } },
            received: { frame in
                self.assumeIsolated { client in client.received(frame.readableBytesView, epoch: epoch) }
            },
            ended: { error in self.assumeIsolated { $0.handle(.transportEnded(error, epoch: epoch)) } })
        WebSocketOpening(
            node: node, name: CoreRequestName.webSocket, target: target, headers: headers, network: network
        ).run(on: eventLoop, events)
    }

    private func adopt(_ channel: any Channel, epoch: Int) {
        if epoch == machine.epoch {
            transport = .webSocket(channel)
        } else {
            channel.close(mode: .all, promise: nil)
        }
    }

    func readEvents(within timeout: Duration, epoch: Int) async {
        let exchange = exchange(CoreRequestName.events, .GET, headers: [("Accept", "text/event-stream")])
        do {
            let response = try await exchange.head(over: network, within: timeout)
            guard epoch == machine.epoch else { return }
            handle(.opened(epoch: epoch))
            var parser = EventStreamParser()
            for try await part in response.body {
                guard epoch == machine.epoch else { return }
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

    func poll(epoch: Int) async {
        do {
            var isOpen = false
            while epoch == machine.epoch, !Task.isCancelled {
                // The first poll is answered immediately.
                let answer = try await exchange(CoreRequestName.poll, .GET, accepted: [.ok, .noContent])
                    .answer(over: network, within: isOpen ? Self.longestPoll : configuration.timeouts.open)
                guard epoch == machine.epoch else { return }
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

    private func lose(_ reason: String, epoch: Int) {
        handle(.transportEnded(.transportLost(node: "\(node)", reason: reason), epoch: epoch))
    }

    // MARK: - To the node

    func write(_ message: [UInt8]) {
        beat?.sent(at: .now())
        let epoch = machine.epoch
        switch transport {
        case .webSocket(let channel)?:
            let isBinary = configuration.format == .messagePack
            let frame = WebSocketFrame(
                fin: true, opcode: isBinary ? .binary : .text, maskKey: .random(), data: ByteBuffer(bytes: message))
            channel.writeAndFlush(frame).whenFailure { error in
                let reason = ConnectReason.words(of: error)
                self.assumeIsolated { $0.lose(reason, epoch: epoch) }
            }
        case .reader?:
            outbound += message
            guard postingEpoch != epoch else { return }
            postingEpoch = epoch
            Task { await post(epoch: epoch) }
        case nil: break
        }
    }

    /// Sends one request at a time, so that messages arrive in order; later messages wait for the next request.
    private func post(epoch: Int) async {
        defer { if postingEpoch == epoch { postingEpoch = nil } }
        do {
            while epoch == machine.epoch, !outbound.isEmpty {
                let body = ByteBuffer(bytes: outbound)
                outbound = []
                let type = configuration.format == .json ? "text/plain;charset=UTF-8" : "application/octet-stream"
                _ = try await exchange(CoreRequestName.post, .POST, headers: [("Content-Type", type)], body: body)
                    .perform(over: network, within: configuration.timeouts.request)
            }
        } catch {
            handle(.transportEnded(clientError(error), epoch: epoch))
        }
    }

    /// Sends at most one request: stopping must not wait for a dead node.
    func sayGoodbye(connected: Bool) {
        switch (configuration.transport, transport) {
        case (.webSockets, .webSocket(let channel)?):
            if connected { write(CoreOutgoing.close.encoded(configuration.format)) }
            var code = ByteBuffer()
            code.write(webSocketErrorCode: .normalClosure)
            channel.writeAndFlush(
                WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: code), promise: nil)
        case (.longPolling, _) where connection != nil:
            let exchange = exchange(CoreRequestName.end, .DELETE, accepted: [.ok, .accepted, .notFound])
            let timeout = min(configuration.timeouts.request, .seconds(5))
            let network = network
            leaving = Task { _ = try? await exchange.perform(over: network, within: timeout) }
        default: break
        }
    }
}
