import Backplane
import Hummingbird
import JSON
import NIOCore

/// The endpoints below the node's base path: SignalR 2's client protocol over HTTP.
struct SignalREndpoint: Sendable {
    /// ASP.NET's default limit.
    private static let maximumFormBytes = 4 << 20

    let configuration: HubNodeConfiguration
    let gate: RequestGate
    let calls: HubCalls
    let broker: MessageBroker
    let metrics: HubMetrics

    func respond(to request: Request, context: HubRequestContext) async throws -> Response {
        let fields = FormFields(request.uri.query ?? "")
        let path = FormFields.decodedPath(request.uri.path)
        let endpoint = gate.endpoint(of: path)
        let callback = fields["callback"]
        if callback != nil, !configuration.allowsJSONP {
            return refuse(.init(status: .forbidden, message: "Forbidden: JSONP is disabled.", reason: .protocolError))
        }
        // It becomes script text.
        if let callback, !ScriptName.isValid(callback) {
            return refuse(.init(status: .internalServerError, message: "", reason: .protocolError))
        }
        if case .failure(let refusal) = gate.hubs(fields) { return refuse(refusal) }
        switch endpoint {
        case .negotiate:
            if await broker.isDraining {
                return refuse(.init(status: .serviceUnavailable, message: "This node is stopping.", reason: .draining))
            }
            return Answer.json(negotiation(fields, path: path), callback: callback)
        case .ping:
            return Answer.json(#"{ "Response": "pong" }"#, callback: callback)
        case .hubs, .js:
            return Answer.script(ProxyScript.text(hubs: gate.dispatcher.all, path: configuration.path))
        default:
            break
        }

        let form: FormFields
        do {
            form = try await readForm(of: request)
        } catch let refusal as RequestGate.Refusal {
            return refuse(refusal)
        }
        let session: SessionRequest
        switch gate.sessionRequest(endpoint ?? .poll, fields: fields, form: form) {
        case .success(let request): session = request
        case .failure(let refusal): return refuse(refusal)
        }
        switch endpoint {
        case .start:
            return Answer.json(#"{ "Response": "started" }"#, callback: callback)
        case .send:
            guard session.transport != .webSockets else {
                return refuse(protocolError("Not a valid web socket request."))
            }
            return await send(form["data"], of: session, callback: callback)
        case .abort:
            try? await broker.publisher.abort(connectionID: session.connectionID)
            return Answer.empty("text/plain")
        // A real node treats any other path as a reconnecting client.
        case .connect, .reconnect, .poll, nil, .negotiate, .ping, .hubs, .js:
            return transport(session, fields: fields, callback: callback, channel: context.channel)
        }
    }

    // MARK: - Private

    private func negotiation(_ fields: FormFields, path: String) -> String {
        let user = fields["user"] ?? ""
        let connectionID = GUID.random()
        return Negotiation(
            path: path.replacing("/negotiate", with: ""),
            connectionToken: gate.sealer.connectionToken(connectionID: connectionID, user: user),
            connectionID: connectionID, clientProtocol: fields["clientProtocol"], timing: configuration.timing
        ).json
    }

    private func send(_ data: String?, of session: SessionRequest, callback: String?) async -> Response {
        // A real node responds to an unreadable call with a bare 500.
        guard let data, let call = HubRequest(decoding: Array(data.utf8)) else {
            return refuse(.init(status: .internalServerError, message: "", reason: .protocolError))
        }
        guard let answer = await calls.answer(call, of: session) else { return Answer.bare(.internalServerError) }
        return Answer.json(String(decoding: answer, as: UTF8.self), callback: callback)
    }

    private func transport(
        _ session: SessionRequest, fields: FormFields, callback: String?, channel: any Channel
    ) -> Response {
        switch session.transport {
        case .webSockets:
            return refuse(protocolError("Not a valid web socket request."))
        case .longPolling:
            return PullTransport(session: session, style: .poll(callback: callback), broker: broker).response(channel)
        case .serverSentEvents:
            return PullTransport(session: session, style: .serverSentEvents, broker: broker).response(channel)
        case .foreverFrame:
            guard let frameID = fields["frameId"].flatMap({ UInt32($0) }) else {
                return refuse(.init(status: .internalServerError, message: "", reason: .protocolError))
            }
            return PullTransport(session: session, style: .foreverFrame(id: frameID), broker: broker).response(channel)
        }
    }

    private func readForm(of request: Request) async throws -> FormFields {
        guard request.method != .get, request.method != .head else { return FormFields() }
        do {
            let body = try await request.body.collect(upTo: Self.maximumFormBytes)
            return FormFields(String(buffer: body))
        } catch {
            throw RequestGate.Refusal(
                status: .contentTooLarge, message: "The request is larger than \(Self.maximumFormBytes) bytes.",
                reason: .tooLarge)
        }
    }

    private func refuse(_ refusal: RequestGate.Refusal) -> Response {
        metrics.refused(refusal.reason)
        return refusal.message.isEmpty ? Answer.bare(refusal.status) : Answer.text(refusal.status, refusal.message)
    }

    private func protocolError(_ message: String) -> RequestGate.Refusal {
        RequestGate.Refusal(status: .badRequest, message: message, reason: .protocolError)
    }
}

/// The response to `negotiate`: everything a client needs before it opens a transport, in a real node's order.
struct Negotiation {
    let path: String
    let connectionToken: String
    let connectionID: String
    let clientProtocol: String?
    let timing: HubNodeTiming

    var json: String {
        var writer = JSONWriter()
        writer.raw(#"{"Url":"#)
        writer.string(path)
        writer.raw(#","ConnectionToken":"#)
        writer.string(connectionToken)
        writer.raw(#","ConnectionId":"#)
        writer.string(connectionID)
        // The client tolerates one missed keep-alive.
        writer.raw(#","KeepAliveTimeout":\#(seconds(timing.keepAlive * 2))"#)
        writer.raw(#","DisconnectTimeout":\#(seconds(timing.disconnect))"#)
        writer.raw(#","ConnectionTimeout":\#(seconds(timing.longPoll)),"TryWebSockets":true,"ProtocolVersion":"#)
        writer.string(Self.version(for: clientProtocol))
        writer.raw(#","TransportConnectTimeout":\#(seconds(timing.transportConnect)),"LongPollDelay":0.0}"#)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The client's version, clamped to 1.2 to 2.0; invalid versions count as 1.2.
    ///
    /// Like .NET's `Version`: two to four numbers; a longer version is greater than its prefix.
    static func version(for clientProtocol: String?) -> String {
        let texts = (clientProtocol ?? "").utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let parts = texts.compactMap { DotNetInteger.int32(String(decoding: Array($0), as: UTF8.self)) }
        guard (2...4).contains(texts.count), parts.count == texts.count, parts.allSatisfy({ $0 >= 0 }) else {
            return "1.2"
        }
        if parts.lexicographicallyPrecedes([1, 2]) { return "1.2" }
        if ([2, 0] as [Int32]).lexicographicallyPrecedes(parts) { return "2.0" }
        return parts.map(String.init).joined(separator: ".")
    }

    /// As .NET formats a double: whole numbers end in `.0`.
    private func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return "\(Double(seconds) + Double(attoseconds) * 1e-18)"
    }
}
