package import JSON

/// A connection to a hub of either generation: ``SignalRClient`` for SignalR 2, ``CoreSignalRClient`` for ASP.NET Core.
///
/// Both pass events to the closure given to their initializer (``SignalRClientEvent``).
package protocol HubConnection: Sendable {
    /// The id assigned by the node; nil before that. With ASP.NET Core each reconnect that is not stateful changes it.
    var connectionID: String? { get async }
    var isConnected: Bool { get async }

    /// - Throws: ``SignalRClientError``; `CancellationError`.
    func start() async throws

    /// Calls a method of the hub and waits for its result.
    ///
    /// - Returns: the result; `null` for a method without one.
    /// - Throws: ``CallError`` if the method failed; ``SignalRClientError``; `CancellationError`.
    @discardableResult
    func call(_ method: String, _ arguments: [JSONTree]) async throws -> JSONTree

    /// Closes the transport abruptly, like a failed network, and waits for ``reconnect()``.
    func dropTransport() async

    /// Resumes the connection if the protocol allows, otherwise makes a new one.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    func reconnect() async throws

    /// Sends a close message and closes the connection.
    func stop() async
}

extension SignalRClient: HubConnection {
    /// Calls a method of the first hub of the configuration.
    @discardableResult
    package func call(_ method: String, _ arguments: [JSONTree]) async throws -> JSONTree {
        try await invoke(configuration.hubs.first ?? "", method, arguments)
    }

    /// Reopens the transport at the same node: ``reconnect(to:)``.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package func reconnect() async throws { try await reconnect(to: nil) }
}
