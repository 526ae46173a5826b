import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Makes the connection to one server: TCP or unix socket, with TLS where that is configured.
struct Dialer: Sendable {
    let configuration: RedisConfiguration
    let server: RedisEndpoint
    let loop: any EventLoop
    /// Bytes asked of the socket at a time.
    let receiveBufferSize: Int
    /// False for a handler that says itself when to read.
    let readsByItself: Bool

    /// - Parameter addHandlers: adds what speaks with the server, behind TLS; may be called for several sockets of which
    ///   one is connected.
    /// - Throws: ``RedisError``; `CancellationError` at once when the task is cancelled.
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

    /// SNI takes no IP address; without a name the certificate is compared with the address.
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

/// One attempt to connect that can be broken off at once: while a name is looked up, or a connection is waited for.
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
    /// - Parameter connect: called on the event loop. Starts the attempt there; calls ``opened(_:)`` for each channel it
    ///   makes.
    func run(_ connect: @escaping @Sendable () -> EventLoopFuture<any Channel>) async throws -> any Channel {
        // On the loop, so that the attempt is over before the channel hears anything: one that is connected is not closed
        // behind the back of its handler, which knows why it ends.
        loop.submit { connect().whenComplete { self.finish($0) } }.whenFailure { self.finish(.failure($0)) }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            cancel()
        }
    }

    /// A socket exists, not yet connected.
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
            // Too late: nobody waits for it any more.
            channel.close(promise: nil)
        }
    }

    private func cancel() {
        guard let channels = end() else { return }
        for channel in channels { channel.close(promise: nil) }
        promise.fail(CancellationError())
    }

    /// - Returns: nil if it was over before.
    private func end() -> [any Channel]? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            defer { state = State(isOver: true) }
            return state.opened
        }
    }
}
