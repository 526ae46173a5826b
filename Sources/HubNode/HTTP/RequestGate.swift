import HTTPTypes

/// Turns a request into what it asks for, its tokens opened and checked, or into the answer that a real node gives to a
/// wrong one.
struct RequestGate: Sendable {
    /// A request that is not served.
    struct Refusal: Error, Equatable {
        let status: HTTPResponse.Status
        /// Empty: a bare answer.
        let message: String
        let reason: HubMetrics.Refusal
    }

    private struct ClientHub: Decodable {
        let name: String

        enum CodingKeys: String, CodingKey {
            case name
            case upperName = "Name"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name =
                try container.decodeIfPresent(String.self, forKey: .name)
                ?? container.decode(String.self, forKey: .upperName)
        }
    }

    let path: String
    let sealer: TokenSealer
    let dispatcher: HubDispatcher

    /// - Returns: nil for a path that is not below ours.
    func endpoint(of requestPath: String) -> Endpoint? {
        guard requestPath.hasPrefix(path + "/") else { return nil }
        return Endpoint(rawValue: requestPath.dropFirst(path.count + 1).lowercased())
    }

    /// The hubs that `connectionData` names.
    func hubs(_ fields: FormFields, form: FormFields = FormFields()) -> Result<[String], Refusal> {
        guard let data = fields["connectionData"] ?? form["connectionData"] else { return .success([]) }
        let refusal = Refusal(status: .internalServerError, message: "", reason: .unknownHub)
        guard let clientHubs = try? HubJSON.decode([ClientHub].self, from: Array(data.utf8)) else {
            return .failure(refusal)
        }
        var names: [String] = []
        for clientHub in clientHubs {
            guard let hub = dispatcher.hub(named: clientHub.name) else { return .failure(refusal) }
            if !names.contains(hub.name) { names.append(hub.name) }
        }
        return .success(names)
    }

    /// What everything but `negotiate` and `ping` must bring, checked in a real node's order.
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
        guard user.lowercased() == (fields["user"] ?? "").lowercased() else {
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
                purpose: endpoint == .connect ? .connect : .resume, connectionID: connectionID, user: user, hubs: hubs,
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
