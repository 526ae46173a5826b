public import Logging
public import ServiceLifecycle

/// A SignalR 2 node: serves hubs to clients over HTTP and shares their messages with the other nodes through Redis.
public struct HubNode: Service {
    public init(
        configuration: HubNodeConfiguration, logger: Logger, observer: (any HubNodeObserver)? = nil,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {}

    /// Runs until graceful shutdown or cancellation; a graceful one tells the clients to reconnect and waits for them.
    public func run() async throws {}
}
