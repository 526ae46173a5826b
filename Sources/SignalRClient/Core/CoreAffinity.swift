import NIOCore
import NIOHTTP1

/// Finds out whether the requests of one connection all meet the node that it was negotiated with.
package enum CoreAffinity {
    /// Whether a refused request of this name was one of a connection.
    package static func isAboutConnection(_ request: String) -> Bool {
        [CoreRequestName.webSocket, CoreRequestName.events, CoreRequestName.poll, CoreRequestName.post]
            .contains(request)
    }

    /// Negotiates, and sends requests that change nothing: a node refuses to end a connection that does not poll (400),
    /// but says first if it does not know it (404).
    ///
    /// - Returns: how many requests met a node that knows the connection, and how many did not.
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package static func measure(
        _ configuration: CoreClientConfiguration, requests: Int, network: SignalRNetwork
    ) async throws -> (known: Int, unknown: Int) {
        let client = CoreSignalRClient(configuration: configuration, network: network)
        let exchange = try await client.harmlessExchange()
        var known = 0
        for _ in 0..<requests {
            let answer = try await exchange.answer(over: network, within: configuration.timeouts.request)
            if answer.status != .notFound { known += 1 }
        }
        return (known, requests - known)
    }
}
