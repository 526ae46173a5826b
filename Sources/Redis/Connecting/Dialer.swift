import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Connects to one server: TCP or unix socket, with TLS if configured.
struct Dialer: Sendable {
    let configuration: RedisConfiguration
    let server: RedisEndpoint
    let loop: any EventLoop
    /// Maximum number of bytes per read.
    let receiveBufferSize: Int
    /// False for a handler that triggers reads itself.
    let readsByItself: Bool

    /// - Parameter addHandlers: adds the protocol handlers, after TLS; may be called for several sockets, of which one
    ///   is used.
    /// - Throws: ``RedisError``; `CancellationError` immediately on cancellation.
    func connect(addHandlers: @escaping @Sendable (any Channel) throws -> Void) async throws -> any Channel {
        try Task.checkCancellation()
        let tls = try configuration.tls?.context()
        let attempt = DialAttempt(on: loop)
        do {
            return try await attempt.run { connect(attempt, tls, addHandlers) }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw RedisError.cannotConnect(
                endpoint: server.description, failure: ConnectFailure(error))
        }
    }

    /// On the event loop.
    private func connect(
        _ attempt: DialAttempt, _ tls: NIOSSLContext?, _ addHandlers: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(configuration.connectTimeoutMilliseconds))
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: receiveBufferSize))
            .channelOption(.autoRead, value: readsByItself)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { [serverName] channel in
                channel.eventLoop.makeCompletedFuture {
                    try attempt.opened(channel)
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: serverName))
                    }
                    try addHandlers(channel)
                }
            }
        return switch server {
        case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
        case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
        case .concealed(let host, let port, _): bootstrap.connect(host: host.reveal(), port: port)
        }
    }

    /// SNI does not allow IP addresses; without a name the certificate is compared with the address.
    private var serverName: String? {
        let name: String
        if let configured = configuration.tls?.serverName {
            name = configured
        } else if case .tcp(let host, _) = server {
            name = host
        } else if case .concealed(let host, _, _) = server {
            name = host.reveal()
        } else {
            return nil
        }
        return (try? SocketAddress(ipAddress: name, port: 0)) == nil ? name : nil
    }
}

/// One attempt to connect that can be cancelled at any time: during name resolution or connecting.
final class DialAttempt: Sendable {
    private struct State {
        var opened: [any Channel] = []
        var isOver = false
    }

    private let loop: any EventLoop
    private let promise: EventLoopPromise<any Channel>
    private let state = Mutex(State())

    init(on loop: any EventLoop) {
        self.loop = loop
        promise = loop.makePromise()
    }

    /// Waits for the channel.
    ///
    /// - Parameter connect: called on the event loop. Starts the attempt there; calls ``opened(_:)`` for each channel
    ///   it creates.
    func run(_ connect: @escaping @Sendable () -> EventLoopFuture<any Channel>) async throws -> any Channel {
        // On the loop, so that the attempt is finished before the channel is notified: a connected channel is not
        // closed without its handler, which knows the reason.
        loop.submit { connect().whenComplete { self.finish($0) } }.whenFailure { self.finish(.failure($0)) }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            cancel()
        }
    }

    /// A socket was created, not yet connected.
    func opened(_ channel: any Channel) throws {
        let isOver = state.withLock { state in
            if !state.isOver { state.opened.append(channel) }
            return state.isOver
        }
        if isOver { throw CancellationError() }
    }

    private func finish(_ result: Result<any Channel, any Error>) {
        if end() != nil {
            promise.completeWith(result)
        } else if case .success(let channel) = result {
            // Too late: the attempt has ended.
            channel.close(promise: nil)
        }
    }

    private func cancel() {
        guard let channels = end() else { return }
        for channel in channels { channel.close(promise: nil) }
        promise.fail(CancellationError())
    }

    /// - Returns: nil if it had already ended.
    private func end() -> [any Channel]? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            defer { state = State(isOver: true) }
            return state.opened
        }
    }
}
