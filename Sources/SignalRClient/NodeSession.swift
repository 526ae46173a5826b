import JSON
import NIOCore

/// One connection of a SignalR 2 client as its node knows it: the result of the negotiation, and where to resume. Makes
/// the requests that belong to it.
struct NodeSession: Sendable {
    private let configuration: SignalRClientConfiguration
    /// The current node.
    private(set) var node: NodeURL
    /// Nil before negotiation.
    private(set) var negotiation: NegotiateAnswer?
    /// Where to resume after a reconnect: `C` of the last frame.
    private(set) var cursor: String?
    /// Proves group memberships to another node: the last `G`.
    private(set) var groupsToken: String?

    init(_ configuration: SignalRClientConfiguration) {
        self.configuration = configuration
        node = configuration.node
    }

    /// The next requests go to another node.
    mutating func move(to node: NodeURL) { self.node = node }

    mutating func negotiated(_ answer: NegotiateAnswer) { negotiation = answer }

    mutating func received(_ frame: MessageFrame) {
        cursor = frame.cursor
        if let token = frame.groupsToken { groupsToken = token }
    }

    /// - Throws: ``SignalRClientError``; `CancellationError`.
    func negotiate(over network: SignalRNetwork) async throws -> NegotiateAnswer {
        let body = try await exchange(.negotiate).perform(over: network, within: configuration.requestTimeout)
        let json = body.withUnsafeReadableBytes { try? JSONTree(parsing: $0) }
        guard let answer = json.flatMap({ NegotiateAnswer($0) }) else {
            throw badAnswer(AnswerText.kind(of: body.readableBytesView, json: json))
        }
        guard answer.offersWebSockets || configuration.transport != .webSockets else {
            throw badAnswer("it offers no webSockets")
        }
        return answer
    }

    private func badAnswer(_ reason: String) -> SignalRClientError {
        .badAnswer(node: "\(node)", request: "/negotiate", reason: reason)
    }

    // MARK: - Requests

    /// - Parameters:
    ///   - form: body of a POST; without it the request is a GET, or an empty POST if `posts`.
    ///   - resuming: whether the query tells where to resume.
    func exchange(
        _ endpoint: NodeRequest, form: QueryText? = nil, posts: Bool = false, resuming: Bool = false
    ) -> HTTPExchange {
        HTTPExchange(
            node: node, endpoint: endpoint, query: query(for: endpoint, resuming: resuming), form: form, posts: posts)
    }

    /// The path and query of a webSocket.
    func target(_ endpoint: NodeRequest, resuming: Bool) -> String {
        "\(node.path)/\(endpoint.rawValue)?\(query(for: endpoint, resuming: resuming).text)"
    }

    private func query(for endpoint: NodeRequest, resuming: Bool) -> QueryText {
        var query = QueryText()
        if endpoint != .negotiate {
            query.append("transport", configuration.transport.rawValue)
            query.append("connectionToken", negotiation?.connectionToken ?? "")
        }
        query.append("clientProtocol", "2.0")
        let hubs = configuration.hubs.map { JSONTree.object([.init("name", .string($0.lowercased()))]) }
        query.append("connectionData", JSONTree.array(hubs).description)
        for item in configuration.query { query.append(item.name, item.value) }
        if resuming { for item in position { query.append(item.name, item.value) } }
        return query
    }

    /// Where to resume.
    var position: [(name: String, value: String)] {
        [("messageId", cursor), ("groupsToken", groupsToken)].compactMap { name, value in value.map { (name, $0) } }
    }
}
