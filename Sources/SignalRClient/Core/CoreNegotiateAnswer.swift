import Backplane
import JSON

/// The response of a node of ASP.NET Core SignalR to `POST <hub>/negotiate`.
///
/// Source: `NegotiateProtocol.cs` of Microsoft.AspNetCore.Http.Connections.Common.
enum CoreNegotiateAnswer: Equatable {
    case connection(Connection)
    /// The client must negotiate at another address.
    case redirect(url: String, accessToken: String?)
    case refused(String)

    struct Connection: Equatable {
        let id: String
        /// Sent with every request; with version 0 it is the id itself.
        let token: String
        /// Whether the node keeps the connection if its webSocket is lost.
        let isStateful: Bool
        /// The transfer formats, `Text` and `Binary`, by the protocol's name of the transport.
        let transports: [String: [String]]

        func offers(_ transport: ClientTransport, _ format: CoreFormat) -> Bool {
            transports[transport.coreName]?.contains(format == .json ? "Text" : "Binary") == true
        }
    }

    /// - Returns: nil if this is not the response of an ASP.NET Core node.
    init?(_ json: JSONTree) {
        if let error = json["error"]?.string {
            self = .refused(error)
        } else if let url = json["url"]?.string {
            self = .redirect(url: url, accessToken: json["accessToken"]?.string)
        } else if let id = json["connectionId"]?.string {
            var transports: [String: [String]] = [:]
            for transport in json["availableTransports"]?.array ?? [] {
                guard let name = transport["transport"]?.string else { continue }
                transports[name] = transport["transferFormats"]?.array?.compactMap(\.string) ?? []
            }
            let hasToken = (json["negotiateVersion"]?.integer ?? 0) > 0
            self = .connection(
                Connection(
                    id: id, token: hasToken ? json["connectionToken"]?.string ?? id : id,
                    isStateful: json["useStatefulReconnect"]?.bool ?? false, transports: transports))
        } else {
            return nil
        }
    }

    /// Describes the kind of server that sent another response. JSON is not quoted: it may contain a token.
    static func stranger(_ bytes: some Collection<UInt8>, json: JSONTree?) -> String {
        guard let json else { return AnswerText.kind(of: bytes, json: nil) }
        return json["ConnectionToken"] != nil || json["ProtocolVersion"] != nil
            ? "it answers like SignalR 2, but this client speaks ASP.NET Core SignalR"
            : "its JSON has no connectionId"
    }
}

extension ClientTransport {
    /// The transport's name in a negotiation.
    var coreName: String {
        switch self {
        case .webSockets: "WebSockets"
        case .serverSentEvents: "ServerSentEvents"
        case .longPolling: "LongPolling"
        }
    }
}

/// The address of one connection's requests, and the token that they carry.
struct CoreAddress: Equatable {
    private(set) var node: NodeURL
    /// The query of a redirect, already escaped; usually empty.
    private var query = ""
    /// A secret.
    private(set) var accessToken: String?

    init(node: NodeURL, accessToken: String?) {
        self.node = node
        self.accessToken = accessToken
    }

    /// The address after a redirect. The token of the previous node is not sent to another one.
    func redirected(to url: String, accessToken token: String?) throws(SignalRClientError) -> CoreAddress {
        let parts = url.split(separator: "?", maxSplits: 1)
        let node = try NodeURL(String(parts.first ?? ""))
        var address = CoreAddress(
            node: node, accessToken: token ?? (node.origin == self.node.origin ? accessToken : nil))
        if parts.count > 1 { address.query = String(parts[1]) }
        return address
    }

    /// - Parameter suffix: `/negotiate`, or empty for the hub itself.
    /// - Returns: the path and query.
    func target(_ suffix: String = "", _ items: QueryText) -> String {
        let query = [query, items.text].filter { !$0.isEmpty }.joined(separator: "&")
        let path = node.path.isEmpty && suffix.isEmpty ? "/" : node.path + suffix
        return query.isEmpty ? path : "\(path)?\(query)"
    }
}
