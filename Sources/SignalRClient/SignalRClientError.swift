package import JSON

/// Errors of a client. Texts name the node and the remedy.
package enum SignalRClientError: Error, Equatable, Sendable, CustomStringConvertible {
    case badURL(String)
    /// No TCP or TLS connection.
    case cannotConnect(node: String, reason: String)
    /// The node responded with a status other than 200; its text, shortened.
    case refused(node: String, request: String, status: Int, text: String)
    /// The response does not follow this protocol.
    case badAnswer(node: String, request: String, reason: String)
    /// The response does not follow the protocol of ASP.NET Core SignalR.
    case notCore(node: String, reason: String)
    /// A node of ASP.NET Core refused the negotiation or the handshake, with its text.
    case refusedByHub(node: String, error: String)
    /// A node of ASP.NET Core closed the connection, with its text if it gave one.
    case closedByHub(node: String, error: String?)
    /// Timeout.
    case timedOut(node: String, what: String, after: Duration)
    /// The first frame did not arrive: the transport works, but the backplane behind the node does not.
    case notInitialized(node: String, after: Duration)
    /// The connection ended before the response.
    case transportLost(node: String, reason: String)
    /// The operation needs a connected client.
    case notConnected(node: String)
    case stopped
    /// The file with the certificate authorities to trust cannot be used.
    case badAuthorities(file: String)
    /// Invalid order of calls.
    case misuse(String)

    package var description: String {
        switch self {
        case .badURL(let text):
            text.contains("@")
                ? "the address of a hub node must not contain a login or '@'; write it like http://127.0.0.1:8080/signalr"
                : "'\(text)' is not the address of a hub node; write it like http://127.0.0.1:8080/signalr"
        case .cannotConnect(let node, let reason):
            "cannot connect to the hub node at \(node): \(reason)"
        case .refused(let node, let request, let status, let text):
            [
                "the hub node at \(node) refused \(request) with \(status)\(text.isEmpty ? "" : ": \(text)")",
                CoreRequestName.remedy(status: status, request: request)
                    ?? AnswerText.remedy(status: status, request: request),
            ].filter { !$0.isEmpty }.joined(separator: "; ")
        case .badAnswer(let node, let request, let reason):
            "the server at \(node) did not answer \(request) like a SignalR 2 node (\(reason)); is the path right?"
        case .notCore(let node, let reason):
            "the server at \(node) did not answer like a hub of ASP.NET Core SignalR (\(reason)); is the path right?"
        case .refusedByHub(let node, let error): "the hub at \(node) refused this client: \(error)"
        case .closedByHub(let node, let error):
            "the hub at \(node) closed the connection\(error.map { ": \($0)" } ?? "")"
        case .timedOut(let node, let what, let after):
            "the hub node at \(node) did not answer \(what) within \(after.components.seconds) s"
        case .notInitialized(let node, let after):
            "the hub node at \(node) sent no first frame within \(after.components.seconds) s; its path through Redis is broken"
        case .transportLost(let node, let reason):
            "the connection to the hub node at \(node) was lost: \(reason)"
        case .notConnected(let node): "not connected to the hub node at \(node)"
        case .stopped: "the client was stopped"
        case .badAuthorities(let file):
            "'\(file)' cannot be read, or contains no certificate of an authority in PEM format"
        case .misuse(let text): text
        }
    }
}

/// A hub method failed, with the node's message.
package struct CallError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The message, as the node sent it.
    package let text: String
    /// The method threw a HubException, whose text is meant for the caller.
    package let isHubException: Bool
    /// Additional data of the HubException.
    package let data: JSONTree?
    /// Present only if the node sends detailed errors.
    package let stackTrace: String?

    /// The defaults are those of an error that is no HubException and has no details.
    package init(text: String, isHubException: Bool = false, data: JSONTree? = nil, stackTrace: String? = nil) {
        self.text = text
        self.isHubException = isHubException
        self.data = data
        self.stackTrace = stackTrace
    }

    package var description: String { text }
}
