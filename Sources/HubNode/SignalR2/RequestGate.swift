import Backplane
import HTTPTypes

/// Parses a request and validates its tokens, or produces a real node's response to an invalid one.
struct RequestGate: Sendable {
    /// A refused request.
    struct Refusal: Error, Equatable {
        let status: HTTPResponse.Status
        /// Empty: a response without a body.
        let message: String
        let reason: HubMetrics.Refusal
    }

    let path: String
    let sealer: TokenSealer
    let dispatcher: HubDispatcher

    /// The last component of a path below the node's base path, case-insensitive. A real node ignores anything before
    /// it, and accepts `hubs` and `js` with trailing slashes.
    ///
    /// - Returns: nil for a path outside the base path, or without an endpoint.
    func endpoint(of requestPath: String) -> Endpoint? {
        guard isBelow(requestPath) else { return nil }
        if let endpoint = Self.endpoint(endOf: requestPath) { return endpoint }
        var trimmed = requestPath[...]
        while trimmed.utf8.last == UInt8(ascii: "/") { trimmed = Substring(trimmed.utf8.dropLast()) }
        let endpoint = Self.endpoint(endOf: trimmed)
        return endpoint == .hubs || endpoint == .js ? endpoint : nil
    }

    private func isBelow(_ requestPath: String) -> Bool {
        let prefix = requestPath.utf8.prefix(path.utf8.count)
        guard CaselessName(path) == CaselessName(String(decoding: prefix, as: UTF8.self)) else { return false }
        return requestPath.utf8.dropFirst(prefix.count).first == UInt8(ascii: "/")
    }

    private static func endpoint(endOf path: some StringProtocol) -> Endpoint? {
        let bytes = Array(path.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return Endpoint(rawValue: String(decoding: bytes[(slash + 1)...], as: UTF8.self).lowercased())
    }

    /// The hubs named in `connectionData`.
    func hubs(_ fields: FormFields, form: FormFields = FormFields()) -> Result<[String], Refusal> {
        guard let data = fields["connectionData"] ?? form["connectionData"] else { return .success([]) }
        let refusal = Refusal(status: .internalServerError, message: "", reason: .unknownHub)
        let clientHubs: [LenientJSON]
        switch LenientJSON(Array(data.utf8)) {
        case .array(let elements): clientHubs = elements
        case .null: clientHubs = []
        default: return .failure(refusal)
        }
        var names: [String] = []
        for clientHub in clientHubs {
            // A real node throws for a missing hub, and for a duplicate.
            guard let name = clientHub["name"]?.asString ?? nil, let hub = dispatcher.hub(named: name),
                !names.contains(hub.name)
            else { return .failure(refusal) }
            names.append(hub.name)
        }
        return .success(names)
    }

    /// Validates what everything but `negotiate` and `ping` needs, in a real node's order.
    func sessionRequest(
        _ endpoint: Endpoint, fields: FormFields, form: FormFields
    ) -> Result<SessionRequest, Refusal> {
        let hubs: [String]
        switch self.hubs(fields, form: form) {
        case .success(let names): hubs = names
        case .failure(let refusal): return .failure(refusal)
        }
        guard let transport = transport(fields["transport"]) else {
            return .failure(protocolError("Protocol error: Unknown transport."))
        }
        guard let token = fields["connectionToken"] else {
            return .failure(protocolError("Protocol error: Missing connection token."))
        }
        guard let (connectionID, user) = sealer.openConnectionToken(token) else {
            return .failure(
                Refusal(
                    status: .badRequest, message: "The ConnectionId is in the incorrect format.", reason: .badToken))
        }
        let requestUser = fields["user"] ?? ""
        guard CaselessName(user) == CaselessName(requestUser) else {
            return .failure(
                Refusal(
                    status: .forbidden,
                    message:
                        "Unrecognized user identity.  The user identity cannot change during an active SignalR connection.",
                    reason: .userChanged))
        }
        let groupsToken = form["groupsToken"] ?? fields["groupsToken"]
        let messageID = form["messageId"] ?? fields["messageId"]
        return .success(
            SessionRequest(
                purpose: endpoint == .connect ? .connect : .resume, connectionID: connectionID,
                user: requestUser, hubs: hubs,
                transport: transport, cursor: endpoint == .connect ? nil : messageID.flatMap { Cursor.parse($0) },
                groups: groupsToken.map { sealer.openGroupsToken($0, connectionID: connectionID) } ?? []))
    }

    private func transport(_ name: String?) -> TransportKind? {
        guard let name = name?.lowercased() else { return nil }
        return TransportKind.allCases.first { $0.rawValue.lowercased() == name }
    }

    private func protocolError(_ message: String) -> Refusal {
        Refusal(status: .badRequest, message: message, reason: .protocolError)
    }
}

/// The last component of a path below the node's base path.
enum Endpoint: String, Sendable {
    case negotiate
    case ping
    case connect
    case start
    case reconnect
    case poll
    case send
    case abort
    case hubs
    case js

    /// Whether it has side effects, also with `GET`.
    var changesSomething: Bool { self == .send || self == .abort }
}
