import NIOCore
import NIOHTTP1

/// Determines whether all requests of one connection reach the node that negotiated it.
package enum CoreAffinity {
    /// Whether a refused request of this name belonged to a connection.
    package static func isAboutConnection(_ request: String) -> Bool {
        [CoreRequestName.webSocket, CoreRequestName.events, CoreRequestName.poll, CoreRequestName.post]
            .contains(request)
    }

    /// Negotiates, then sends requests that change nothing: a node refuses to end a connection that does not use long
    /// polling (400), unless it does not know the connection (404).
    ///
    /// - Returns: the number of requests that reached a node that knows the connection, and of those that did not.
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package static func measure(
        _ configuration: CoreClientConfiguration, requests: Int, network: SignalRNetwork
    ) async throws -> (known: Int, unknown: Int) {
        let exchange = try await CoreSession(configuration).negotiated(over: network)
            .exchange(CoreRequestName.end, .DELETE, accepted: [.ok, .accepted, .badRequest, .notFound])
        var known = 0
        for _ in 0..<requests {
            let answer = try await exchange.answer(over: network, within: configuration.timeouts.request)
            if answer.status != .notFound { known += 1 }
        }
        return (known, requests - known)
    }
}
