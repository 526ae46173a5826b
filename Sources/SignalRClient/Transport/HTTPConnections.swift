import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// HTTP/1.1 to nodes, over TLS if the URL requires it; a connection whose response is complete serves the next request
/// to the same node.
///
/// swift-nio parses and writes; this is what a client of SignalR needs above it. There is no limit on connections:
/// every event stream and long poll occupies one. Redirects are not followed.
final class HTTPConnections: Sendable {
    private struct Pool {
        /// By origin; the one used last is at the end.
        var idle: [String: [any Channel]] = [:]
        var all: [ObjectIdentifier: any Channel] = [:]
        var isShutDown = false
    }

    private let eventLoopGroup: any EventLoopGroup
    private let connectTimeout: TimeAmount
    private let sslContext: @Sendable () throws -> NIOSSLContext
    private let pool = NIOLockedValueBox(Pool())

    /// - Parameter sslContext: called for a TLS connection; may take long.
    init(
        eventLoopGroup: any EventLoopGroup, connectTimeout: TimeAmount,
        sslContext: @escaping @Sendable () throws -> NIOSSLContext
    ) {
        self.eventLoopGroup = eventLoopGroup
        self.connectTimeout = connectTimeout
        self.sslContext = sslContext
    }

    /// - Parameter timeout: until the response begins; the body may take longer.
    /// - Throws: ``HTTPConnectionError``; `CancellationError`; errors of the connection, of TLS, and of the HTTP parser.
    func response(to request: HTTPExchangeRequest, within timeout: Duration) async throws -> HTTPExchangeResponse {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        while let channel = takeIdle(request.node) {
            do {
                return try await Attempt(request, on: channel.eventLoop).run(until: deadline) { attempt in
                    attempt.send(over: channel)
                }
            } catch HTTPConnectionError.closed where request.isIdempotent {
                // The node closed the idle connection at that moment.
            }
        }
        let tls = request.node.isTLS ? try sslContext() : nil
        return try await Attempt(request, on: eventLoopGroup.any()).run(until: deadline) { attempt in
            connect(to: request.node, tls: tls, on: attempt.loop).whenComplete { result in
                switch result {
                case .success(let channel): attempt.send(over: channel)
                case .failure(let error): attempt.end(error)
                }
            }
        }
    }

    /// Closes all connections, also those in use.
    func shutdown() async {
        let open = pool.withLockedValue { pool in
            pool.isShutDown = true
            return pool.all.values
        }
        for channel in open { channel.close(promise: nil) }
        for channel in open { try? await channel.closeFuture.get() }
    }

    private func connect(to node: NodeURL, tls: NIOSSLContext?, on loop: any EventLoop) -> EventLoopFuture<any Channel>
    {
        let origin = node.origin
        return ClientBootstrap(group: loop)
            .connectTimeout(connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    if let tls { try sync.addHandler(WebSocketOpening.tlsHandler(tls, host: node.host)) }
                    try sync.addHTTPClientHandlers()
                    try sync.addHandler(HTTPConnectionHandler { self.keep($0, for: origin) })
                }
            }
            .connect(host: node.host, port: node.port)
            .map { channel in
                self.add(channel)
                return channel
            }
    }

    private func add(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        let isLate = pool.withLockedValue { pool in
            pool.all[key] = channel
            return pool.isShutDown
        }
        channel.closeFuture.whenComplete { _ in
            self.pool.withLockedValue { _ = $0.all.removeValue(forKey: key) }
        }
        if isLate { channel.close(promise: nil) }
    }

    private func takeIdle(_ node: NodeURL) -> (any Channel)? {
        pool.withLockedValue { pool in
            while let channel = pool.idle[node.origin]?.popLast() {
                if channel.isActive { return channel }
            }
            return nil
        }
    }

    private func keep(_ channel: any Channel, for origin: String) {
        pool.withLockedValue { pool in
            // Those unused for longest are at the beginning, so that closed ones gather there.
            if pool.idle[origin]?.first?.isActive == false { pool.idle[origin]?.removeAll { !$0.isActive } }
            pool.idle[origin, default: []].append(channel)
        }
    }

    /// One request over one connection, until the response begins.
    private struct Attempt: Sendable {
        private enum State {
            case connecting
            case sent(any Channel)
            case ended
        }

        let loop: any EventLoop
        private let request: HTTPExchangeRequest
        private let promise: EventLoopPromise<HTTPExchangeResponse>
        private let state = NIOLockedValueBox(State.connecting)

        init(_ request: HTTPExchangeRequest, on loop: any EventLoop) {
            self.request = request
            self.loop = loop
            promise = loop.makePromise()
        }

        func run(
            until deadline: NIODeadline, _ begin: (Attempt) -> Void
        ) async throws -> HTTPExchangeResponse {
            let timer = loop.scheduleTask(deadline: deadline) { end(HTTPConnectionError.timedOut) }
            // On the event loop: the time limit must not close a connection whose response has begun.
            promise.futureResult.whenComplete { _ in
                timer.cancel()
                state.withLockedValue { $0 = .ended }
            }
            return try await withTaskCancellationHandler {
                begin(self)
                return try await promise.futureResult.get()
            } onCancel: {
                end(CancellationError())
            }
        }

        /// Sends the request, or closes a connection that comes too late.
        func send(over channel: any Channel) {
            let isInTime = state.withLockedValue { state in
                guard case .connecting = state else { return false }
                state = .sent(channel)
                return true
            }
            guard isInTime else { return channel.close(promise: nil) }
            // Directly after it was opened: an event of the socket may come before another task of the loop.
            if loop.inEventLoop { sendNow(over: channel) } else { loop.execute { sendNow(over: channel) } }
        }

        private func sendNow(over channel: any Channel) {
            do {
                try channel.pipeline.syncOperations.handler(type: HTTPConnectionHandler.self).send(request, promise)
            } catch {
                // Closed, so that its handlers are gone.
                promise.fail(HTTPConnectionError.closed)
            }
        }

        /// Ends the attempt with an error, and its connection.
        func end(_ error: any Error) {
            let before = state.withLockedValue { state in
                defer { state = .ended }
                return state
            }
            promise.fail(error)
            if case .sent(let channel) = before { channel.close(promise: nil) }
        }
    }
}
