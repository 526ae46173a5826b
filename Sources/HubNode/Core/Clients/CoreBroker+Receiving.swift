import Backplane
import NIOCore
import Prometheus

/// Receives what clients send.
extension CoreBroker {
    /// - Returns: false if more than the limit is pending: reading must pause until ``hasRoom(_:)``, or until its
    ///   transport is resumed.
    func received(_ bytes: some Collection<UInt8>, from transport: CoreTransportID) -> Bool {
        client(transport).map { received(bytes, from: $0) } ?? true
    }

    private func received(_ bytes: some Collection<UInt8>, from client: CoreClient) -> Bool {
        guard !client.isOver else { return true }
        client.lastReceived = .now()
        client.inbox.append(bytes)
        process(client)
        return !client.isFull(settings.pendingBytes)
    }

    /// A webSocket frame above the maximum message size.
    func receivedTooLarge(from transport: CoreTransportID) {
        if let client = client(transport), !client.isOver { tooLarge(client, limit: settings.inboundMessageBytes) }
    }

    /// Receives a client's POST. Returns once the client may send more.
    ///
    /// - Returns: false if there is no such connection.
    func posted(_ bytes: some Collection<UInt8> & Sendable, token: String) async -> Bool {
        guard let client = clients[token: token] else { return false }
        if !received(bytes, from: client) { await withCheckedContinuation { client.readers.append($0) } }
        return true
    }

    /// Processes the received messages, up to the limit of pending ones.
    func process(_ client: CoreClient) {
        while !client.isOver, !client.isFull(settings.pendingBytes) {
            if case .connecting = client.phase { return }
            let message: [UInt8]?
            do throws(CoreInbox.Failure) {
                message = try client.inbox.next()
            } catch {
                switch error {
                case .tooLarge(let limit): return tooLarge(client, limit: limit)
                case .badLength: return malformed(client, .messagePack)
                }
            }
            guard let message else { return }
            guard let format = client.format else {
                shakeHands(client, message.dropLast())
                continue
            }
            do throws(CoreClientMessage.Malformed) {
                let message = try CoreClientMessage(message, format)
                if try client.stateful?.takes(message) != false { handle(message, of: client) }
            } catch {
                return malformed(client, error)
            }
        }
    }

    private func shakeHands(_ client: CoreClient, _ message: ArraySlice<UInt8>) {
        let handshake: CoreHandshake
        do throws(CoreHandshake.Refusal) {
            handshake = try CoreHandshake(
                Array(message), formats: settings.formats, detailed: dispatcher.detailedErrors)
        } catch {
            return refuse(client, error)
        }
        guard handshake.format == .json || client.session.transport != .serverSentEvents else {
            return refuse(client, .binary(handshake.format))
        }
        client.format = handshake.format
        client.inbox.format = handshake.format
        client.session.codec = CoreCodec(messages: handshake.format)
        if client.offersStatefulReconnect, handshake.version >= CoreHandshake.statefulVersion {
            client.stateful = StatefulReconnect(limit: settings.statefulBufferBytes)
        }
        client.phase = .connecting
        enqueue(ByteBuffer(bytes: CoreHandshake.accepted), isCounted: false, for: client)
        pump(client)
        guard !client.isOver else { return }
        metrics.coreConnections(handshake.format.name).add(1)
        let isFirstOfUser = clients.connect(client)
        if let bus { join(client, isFirstOfUser: isFirstOfUser, bus) } else { client.phase = .connected }
    }

    /// The response to a failed handshake; the connection ends.
    func refuse(_ client: CoreClient, _ refusal: CoreHandshake.Refusal) {
        metrics.refused(.protocolError)
        enqueue(ByteBuffer(bytes: refusal.frame), isCounted: false, for: client)
        end(client)
    }

    private func malformed(_ client: CoreClient, _ error: CoreClientMessage.Malformed) {
        metrics.refused(.protocolError)
        close(client, error: errors.closing(error.detail), allowReconnect: true)
    }

    private func tooLarge(_ client: CoreClient, limit: Int) {
        metrics.refused(.tooLarge)
        let detail =
            "InvalidDataException: The maximum message size of \(limit)B was exceeded. The message size can be configured in AddHubOptions."
        guard client.format != nil else {
            let text = "An unexpected error occurred during connection handshake."
            return refuse(
                client, CoreHandshake.Refusal(error: dispatcher.detailedErrors ? "\(text) \(detail)" : text))
        }
        close(client, error: errors.closing(detail), allowReconnect: true)
    }

    private func handle(_ message: CoreClientMessage, of client: CoreClient) {
        switch message {
        case .invocation(let call): enqueue(call, of: client)
        case .streamItem(let id, let item):
            guard let upload = client.uploads[id] else { return }
            client.pendingBytes += item.size
            upload.push(item)
        case .completion(let id, let completion):
            if let upload = client.uploads.removeValue(forKey: id) {
                if case .error(let error) = completion {
                    upload.finish(HubError(error))
                } else {
                    upload.finish()
                }
            } else if !reply(id, completion, of: client) {
                answers.resolve(id, from: client.id, completion)
            }
        case .cancelInvocation(let id): client.streams[id]?.cancel()
        case .ping: client.hasPinged = true
        case .close:
            // The client closes its own side.
            client.phase = .over
            client.overSince = .now()
            disconnect(client)
        case .ack(let number):
            for message in client.stateful?.acknowledge(number) ?? [] { client.append(message) }
            pump(client)
        case .sequence, .unknown: break
        }
    }
}
