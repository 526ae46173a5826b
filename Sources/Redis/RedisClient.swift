public import NIOCore
import NIOPosix

/// A connection that asks: commands are pipelined in the order of the calls, replies come back in that order.
public final class RedisClient: Sendable {
    private let configuration: RedisConfiguration
    private let channel: any Channel
    private let handler: NIOLoopBound<ClientHandler>

    private init(configuration: RedisConfiguration, channel: any Channel, handler: NIOLoopBound<ClientHandler>) {
        self.configuration = configuration
        self.channel = channel
        self.handler = handler
    }

    /// Connects, logs in, names the connection and selects the database.
    ///
    /// - Parameter loginTimeout: the longest wait from the TCP connection to the last answer of the login.
    /// - Throws: ``RedisError``.
    public static func connect(
        to configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup,
        loginTimeout: TimeAmount = .seconds(10)
    ) async throws -> RedisClient {
        let loop = eventLoopGroup.next()
        let channel: any Channel
        let handler: NIOLoopBound<ClientHandler>
        do {
            (channel, handler) = try await ClientBootstrap(group: loop)
                .connectTimeout(.milliseconds(configuration.connectTimeoutMilliseconds))
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 * 1024))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: configuration.host, port: configuration.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = ClientHandler(endpoint: configuration.endpoint)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
                    }
                }
        } catch {
            throw RedisError.cannotConnect(
                endpoint: configuration.endpoint, reason: ConnectFailure.reason(of: error))
        }
        let client = RedisClient(configuration: configuration, channel: channel, handler: handler)
        let timeout = loop.scheduleTask(in: loginTimeout) {
            handler.value.giveUp(
                .noAnswer(
                    endpoint: configuration.endpoint, seconds: Int(loginTimeout.nanoseconds / 1_000_000_000)))
        }
        defer { timeout.cancel() }
        do {
            if let auth = configuration.authCommand { _ = try await client.send(auth) }
            // A name is a courtesy: an ACL may deny it.
            if case .error(let text) = try await client.ask(
                ["CLIENT", "SETNAME", .text(configuration.clientName)]), RedisError.refusesConnection(text)
            {
                throw RedisError.from(reply: text, command: "CLIENT", endpoint: configuration.endpoint)
            }
            if configuration.database != 0 { _ = try await client.send(["SELECT", "\(configuration.database)"]) }
        } catch {
            await client.close()
            throw error
        }
        return client
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Throws: ``RedisError``, also for an error reply.
    @discardableResult
    public func send(_ arguments: [RESPArgument]) async throws -> RESPValue {
        let reply = try await ask(arguments)
        if case .error(let text) = reply {
            let command = if case .text(let name)? = arguments.first { name } else { "the command" }
            throw RedisError.from(reply: text, command: command, endpoint: configuration.endpoint)
        }
        return reply
    }

    /// Runs a script by its hash, or by its text where the server does not know it (yet, or any more).
    @discardableResult
    public func evaluate(_ script: RedisScript, keys: [RESPArgument], arguments: [RESPArgument]) async throws
        -> RESPValue
    {
        let rest = ["\(keys.count)"] + keys + arguments
        do {
            return try await send(["EVALSHA", .text(script.sha1)] + rest)
        } catch RedisError.serverError(_, let reply) where reply.hasPrefix("NOSCRIPT") {
            return try await send(["EVAL", .text(script.source)] + rest)
        }
    }

    /// Makes a script known to the server.
    public func load(script source: String) async throws -> RedisScript {
        let reply = try await send(["SCRIPT", "LOAD", .text(source)])
        guard let sha1 = reply.text else {
            throw RedisError.unexpectedReply(command: "SCRIPT LOAD", reply: reply.summary)
        }
        return RedisScript(source: source, sha1: sha1)
    }

    /// What the server says of itself.
    public func serverInfo() async throws -> RedisServerInfo {
        let reply = try await send(["INFO"])
        guard let text = reply.text else { throw RedisError.unexpectedReply(command: "INFO", reply: reply.summary) }
        return RedisServerInfo(infoText: text)
    }

    /// Sends commands that are encoded already (``RESPEncoder``), for callers that keep many in flight.
    ///
    /// - Parameters:
    ///   - count: commands in `bytes`, at least 1.
    ///   - onReply: called `count` times on the event loop, in order; error replies come as ``RESPValue/error(_:)``,
    ///     a lost connection as a failure for each command still unanswered.
    public func pipeline(
        _ bytes: ByteBuffer, count: Int, onReply: @escaping @Sendable (Result<RESPValue, RedisError>) -> Void
    ) {
        precondition(count > 0)
        channel.eventLoop.execute { [handler] in
            handler.value.send(bytes, expecting: count, onReply: onReply)
        }
    }

    /// Returns when the connection has ended, by whichever side.
    public func waitUntilClosed() async {
        try? await channel.closeFuture.get()
    }

    public func close() async {
        try? await channel.close()
    }

    private func ask(_ arguments: [RESPArgument]) async throws -> RESPValue {
        var buffer = channel.allocator.buffer(capacity: 128)
        RESPEncoder.encode(arguments, into: &buffer)
        return try await withCheckedThrowingContinuation { continuation in
            pipeline(buffer, count: 1) { continuation.resume(with: $0) }
        }
    }
}

/// A Lua script that a server knows.
public struct RedisScript: Sendable, Equatable {
    public let source: String
    /// The hash that `SCRIPT LOAD` answered.
    public let sha1: String

    public init(source: String, sha1: String) {
        self.source = source
        self.sha1 = sha1
    }
}
