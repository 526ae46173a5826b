import Loopback
import SignalRClient

/// A client of ASP.NET Core SignalR that could not connect.
struct CoreConnectFailure: Sendable {
    let client: ClientPlan.PlannedClient
    let error: SetupError
}

/// Finds what prevents clients of ASP.NET Core SignalR from reaching their nodes: a load balancer without affinity, or
/// a proxy that does not forward webSockets or that buffers server-sent events.
struct CoreDiagnosis: Sendable {
    private static let requests = 10

    let nodes: [CheckedNode]
    let network: SignalRNetwork
    let core: CoreCheckSettings?

    /// - Parameter connected: clients that did connect, which rules out some causes.
    func text(for failure: CoreConnectFailure, connected: [Participant]) async -> String {
        let (node, transport) = (nodes[failure.client.node], failure.client.transport)
        let other = connected.first { $0.node == failure.client.node && $0.transport != transport }
        let error = failure.error.cause as? SignalRClientError
        switch error {
        case .refused(_, let request, 404, _)? where CoreAffinity.isAboutConnection(request):
            if let text = await affinity(of: node) { return text }
        case .refused(_, _, 401, _)?, .refused(_, _, 403, _)?: return "\(failure.error)"
        default: break
        }
        guard let error, let other else { return "\(failure.error)" }
        switch (transport, error) {
        case (.webSockets, _):
            return
                "webSockets do not get through to \(node.name), though \(other.transport.rawValue) does: a proxy in front of it must forward the headers Upgrade and Connection (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade): \(error)"
        case (.serverSentEvents, .timedOut):
            return
                "serverSentEvents of \(node.name) do not arrive, though \(other.transport.rawValue) gets through: a proxy in front of it buffers them (nginx: proxy_buffering off): \(error)"
        default: return "\(failure.error)"
        }
    }

    /// - Returns: nil if all requests of a connection reach the same node.
    private func affinity(of node: CheckedNode) async -> String? {
        let configuration = CoreClientConfiguration(
            node: node.coreURL, headers: core?.headers ?? [], accessToken: core?.accessToken)
        guard
            let answers = try? await CoreAffinity.measure(
                configuration, requests: Self.requests, network: network), answers.unknown > 0
        else { return nil }
        let which =
            answers.known > 0
            ? "\(answers.unknown) of \(Self.requests) requests of one connection met a node that does not know it (404), the others one that does"
            : "none of \(Self.requests) requests of one connection met the node that it was negotiated with (404)"
        return
            "the load balancer at \(node.coreURL) has no affinity: \(which). It must send all requests of a client to the same node (sticky sessions)"
    }
}
