import Backplane
import HTTPTypes
import Hummingbird
import NIOCore

/// The endpoints of an ASP.NET Core SignalR hub over HTTP: negotiation, server-sent events, long polling, and POST.
struct CoreEndpoint: Sendable {
    let route: CoreRoute
    let broker: CoreBroker
    let metrics: HubMetrics

    func respond(to request: Request, context: HubRequestContext) async throws -> Response {
        let fields = FormFields(request.uri.query ?? "")
        switch route.target(of: FormFields.decodedPath(request.uri.path)) {
        case nil: return Response(status: .notFound)
        case .negotiate:
            guard request.method == .post else { return CoreAnswer.empty(.methodNotAllowed) }
            return await negotiate(fields)
        case .hub: break
        }
        guard [.get, .post, .delete].contains(request.method) else { return CoreAnswer.empty(.methodNotAllowed) }
        guard let token = fields["id"] else {
            if await broker.isDraining { return stopping() }
            return CoreAnswer.text(.badRequest, "Connection ID required")
        }
        guard let state = await broker.state(token: token) else {
            metrics.refused(.badToken)
            return CoreAnswer.unknownConnection(request)
        }
        switch request.method {
        case .post: return await post(request, token: token, state)
        case .delete:
            guard await broker.delete(token: token) else {
                return CoreAnswer.text(
                    .badRequest, "Cannot terminate this connection using the DELETE endpoint.")
            }
            return CoreAnswer.empty(.accepted)
        default:
            // The upgrade headers of a refused webSocket request were removed.
            guard request.headers[.secWebSocketKey] == nil else {
                return CoreAnswer.empty(state.transport == .webSockets ? .conflict : .badRequest)
            }
            let wantsStream = request.headers[.accept]?.lowercased().contains("text/event-stream") == true
            return await get(wantsStream ? .serverSentEvents : .longPolling, token: token, fields, context.channel)
        }
    }

    // MARK: - Private

    private func negotiate(_ fields: FormFields) async -> Response {
        if await broker.isDraining { return stopping() }
        do throws(CoreNegotiation.Refusal) {
            let negotiation = try CoreNegotiation(
                version: fields["negotiateVersion"], wantsStatefulReconnect: fields["useStatefulReconnect"],
                allowsStatefulReconnect: broker.settings.allowsStatefulReconnect)
            let (id, token) = await broker.negotiate(
                user: fields["user"] ?? "", hasToken: negotiation.version > 0,
                offersStatefulReconnect: negotiation.usesStatefulReconnect)
            return CoreAnswer.json(negotiation.json(connectionID: id, token: token))
        } catch {
            metrics.refused(.protocolError)
            return CoreAnswer.json(error.json)
        }
    }

    private func stopping() -> Response {
        metrics.refused(.draining)
        return CoreAnswer.text(.serviceUnavailable, "This node is stopping.")
    }

    private func post(_ request: Request, token: String, _ state: CoreBroker.State) async -> Response {
        guard state.transport != .webSockets else {
            return CoreAnswer.text(.methodNotAllowed, "POST requests are not allowed for WebSocket connections.")
        }
        // A request may contain several messages, but no more bytes than may be pending.
        let limit = broker.settings.inboundMessageBytes + broker.settings.pendingBytes
        guard let body = try? await request.body.collect(upTo: limit) else {
            metrics.refused(.tooLarge)
            return CoreAnswer.text(.contentTooLarge, "The request is larger than \(limit) bytes.")
        }
        guard await broker.posted(Array(body.readableBytesView), token: token) else {
            return CoreAnswer.unknownConnection(request)
        }
        return CoreAnswer.empty(.ok)
    }

    private func get(
        _ kind: TransportKind, token: String, _ fields: FormFields, _ channel: any Channel
    ) async -> Response {
        switch await broker.admission(token: token, kind) {
        case .admitted: break
        case .notFound: return CoreAnswer.text(.notFound, "No Connection with that ID")
        case .conflict: return CoreAnswer.empty(.conflict)
        case .otherTransport:
            return CoreAnswer.text(.badRequest, "Cannot change transports mid-connection")
        }
        guard let transport = await broker.open(token: token, user: "", kind, line: .pull(waiting: nil)) else {
            return CoreAnswer.empty(.conflict)
        }
        let broker = broker
        await ConnectionWatch.whenEnded(channel) { broker.assumeIsolated { $0.closed(transport) } }
        return kind == .serverSentEvents
            ? CoreStream(transport: transport, broker: broker).response : await poll(transport)
    }

    private func poll(_ transport: CoreTransportID) async -> Response {
        let delivery = await broker.nextDelivery(transport)
        // The connection has no transport until the next poll.
        await broker.closed(transport)
        switch delivery {
        case .frame(let frame): return CoreAnswer.poll(.ok, frame.content)
        case .keepAlive: return CoreAnswer.poll(.ok, ByteBuffer())
        case .end: return CoreAnswer.poll(.noContent, nil)
        }
    }
}

/// Server-sent events: one event per write.
private struct CoreStream {
    let transport: CoreTransportID
    let broker: CoreBroker

    var response: Response {
        let stream = self
        var response = Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-cache,no-store", CoreAnswer.pragma: "no-cache",
                .contentEncoding: "identity",
            ],
            body: ResponseBody { writer in
                do {
                    try await writer.write(ByteBuffer(staticString: ":\r\n"))
                    try await stream.write(to: &writer)
                } catch {
                    await stream.broker.closed(stream.transport)
                    throw error
                }
                await stream.broker.closed(stream.transport)
                try await writer.finish(nil)
            })
        // Tells nginx not to buffer the stream.
        if let name = HTTPField.Name("X-Accel-Buffering") { response.headers[name] = "no" }
        return response
    }

    // The writer is not confined to an actor.
    @concurrent
    private func write(to writer: inout any ResponseBodyWriter) async throws {
        while true {
            switch await broker.nextDelivery(transport) {
            case .frame(let frame): try await writer.write(CoreEventStream.event(frame.content))
            case .keepAlive: break
            case .end: return
            }
        }
    }
}

/// Server-sent events in the format of a real node.
enum CoreEventStream {
    /// A line end in the JSON text starts another line of the event. Nodes do not write any, but other publishers
    /// might.
    static func event(_ content: ByteBuffer) -> ByteBuffer {
        var event = ByteBufferAllocator().buffer(capacity: content.readableBytes + 16)
        content.withUnsafeReadableBytes { bytes in
            var start = 0
            while start <= bytes.count {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                let line = bytes[start..<end]
                event.writeStaticString("data: ")
                event.writeBytes(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
                event.writeStaticString("\r\n")
                start = end + 1
            }
        }
        event.writeStaticString("\r\n")
        return event
    }
}

/// Responses with the headers of a real node.
enum CoreAnswer {
    /// The equivalent of `no-cache` in HTTP/1.0, which real nodes send too.
    static let pragma = HTTPField.Name("Pragma") ?? .cacheControl

    static func json(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func empty(_ status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: [.contentType: "text/plain"], body: ResponseBody())
    }

    static func unknownConnection(_ request: Request) -> Response {
        var response = text(.notFound, "No Connection with that ID")
        if request.method == .get { response.headers.append(contentsOf: neverCached) }
        return response
    }

    /// - Parameter content: nil at the end of the connection.
    static func poll(_ status: HTTPResponse.Status, _ content: ByteBuffer?) -> Response {
        var headers: HTTPFields = [.contentType: content == nil ? "text/plain" : "application/octet-stream"]
        headers.append(contentsOf: neverCached)
        return Response(
            status: status, headers: headers, body: content.map { ResponseBody(byteBuffer: $0) } ?? ResponseBody())
    }

    private static let neverCached: HTTPFields = [
        .cacheControl: "no-cache, no-store", pragma: "no-cache", .expires: "Thu, 01 Jan 1970 00:00:00 GMT",
    ]
}
