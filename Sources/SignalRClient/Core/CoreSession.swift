import Backplane
import JSON
import NIOCore
import NIOHTTP1

/// Where the requests of one connection go, and what they carry: the configuration and the result of the negotiation.
struct CoreSession: Sendable {
    /// Maximum number of redirects, so that circular ones end.
    private static let redirects = 100

    private let configuration: CoreClientConfiguration
    private let address: CoreAddress
    /// The negotiated properties; nil without negotiation.
    private let connection: CoreNegotiateAnswer.Connection?

    /// A connection that is not negotiated.
    init(_ configuration: CoreClientConfiguration) {
        self.init(
            configuration, CoreAddress(node: configuration.node, accessToken: configuration.accessToken),
            connection: nil)
    }

    private init(
        _ configuration: CoreClientConfiguration, _ address: CoreAddress, connection: CoreNegotiateAnswer.Connection?
    ) {
        self.configuration = configuration
        self.address = address
        self.connection = connection
    }

    var node: NodeURL { address.node }

    /// The id assigned by the node; nil without negotiation.
    var connectionID: String? { connection?.id }

    /// Whether to use version 2 of the protocol, which has Ack and Sequence messages.
    var isResumable: Bool { configuration.transport == .webSockets && connection?.isStateful == true }

    // MARK: - Negotiation

    /// Negotiates, and follows redirects.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    func negotiated(over network: SignalRNetwork) async throws -> CoreSession {
        var session = self
        for _ in 0...Self.redirects {
            switch try await session.negotiate(over: network) {
            case .connection(let connection):
                return CoreSession(configuration, session.address, connection: connection)
            case .redirect(let url, let token):
                let address = try session.address.redirected(to: url, accessToken: token)
                session = CoreSession(configuration, address, connection: nil)
            case .refused(let error):
                throw SignalRClientError.refusedByHub(node: "\(session.node)", error: error)
            }
        }
        throw SignalRClientError.notCore(
            node: "\(session.node)", reason: "it redirects clients more than \(Self.redirects) times")
    }

    private func negotiate(over network: SignalRNetwork) async throws -> CoreNegotiateAnswer {
        var query = QueryText(configuration.query)
        query.append("negotiateVersion", "\(configuration.negotiateVersion)")
        if configuration.usesStatefulReconnect { query.append("useStatefulReconnect", "true") }
        let body = try await HTTPExchange(
            node: node, name: CoreRequestName.negotiation, method: .POST,
            target: address.target("/negotiate", query), headers: headers
        ).perform(over: network, within: configuration.timeouts.request)
        let json = body.withUnsafeReadableBytes { try? JSONTree(parsing: $0) }
        guard let answer = json.flatMap({ CoreNegotiateAnswer($0) }) else {
            throw SignalRClientError.notCore(
                node: "\(node)", reason: CoreNegotiateAnswer.stranger(body.readableBytesView, json: json))
        }
        if case .connection(let connection) = answer,
            !connection.offers(configuration.transport, configuration.format)
        {
            throw SignalRClientError.notCore(
                node: "\(node)",
                reason: "it does not offer \(configuration.transport.rawValue) for \(configuration.format.name)")
        }
        return answer
    }

    // MARK: - Requests

    /// Path and query of the connection's requests.
    var target: String {
        var query = QueryText(configuration.query)
        if let connection { query.append("id", connection.token) }
        return address.target("", query)
    }

    var headers: HTTPHeaders {
        var headers = HTTPHeaders(configuration.headers.map { ($0.name, $0.value) })
        if let token = address.accessToken { headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token)") }
        return headers
    }

    /// A request to the hub itself.
    func exchange(
        _ name: String, _ method: HTTPMethod, headers extra: [(String, String)] = [], body: ByteBuffer? = nil,
        accepted: [HTTPResponseStatus] = [.ok]
    ) -> HTTPExchange {
        var headers = headers
        for (name, value) in extra { headers.add(name: name, value: value) }
        return HTTPExchange(
            node: node, name: name, method: method, target: target, headers: headers, body: body, accepted: accepted)
    }

    /// Ends long polling; nil without negotiation.
    var endOfPolls: HTTPExchange? {
        connection.map { _ in exchange(CoreRequestName.end, .DELETE, accepted: [.ok, .accepted, .notFound]) }
    }
}

/// Names of the requests in errors.
enum CoreRequestName {
    static let negotiation = "the negotiation"
    static let webSocket = "the webSocket"
    static let events = "the event stream"
    static let poll = "a poll"
    static let post = "a message"
    static let end = "the end of the polls"

    /// The usual meaning of a status, and the remedy; empty if the status is clear enough.
    static func remedy(status: Int, request: String) -> String? {
        switch (status, request) {
        case (404, negotiation): "there is no hub at this path: is it right (as in MapHub)?"
        case (405, negotiation): "it does not accept negotiation at this path: is it the hub's path (as in MapHub)?"
        case (404, webSocket), (404, events), (404, poll), (404, post):
            "it does not know the connection that was negotiated: a load balancer must send each client to the same node (affinity)"
        case (400, webSocket), (426, webSocket), (501, webSocket):
            "a proxy in front of it may not forward webSockets"
        default: nil
        }
    }
}
