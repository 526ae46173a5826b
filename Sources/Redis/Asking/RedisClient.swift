package import NIOCore
import Synchronization

/// A connection that asks: commands are pipelined in the order of the calls, replies come back in that order.
package final class RedisClient: Sendable {
    /// Who is at the other end.
    enum Purpose {
        /// A server that must be a master.
        case server
        case sentinel
    }

    /// The server that was connected to, `host:port`.
    package let endpoint: String
    private let configuration: RedisConfiguration
    private let channel: any Channel
    private let handler: NIOLoopBound<ClientHandler>

    private init(
        endpoint: String, configuration: RedisConfiguration, channel: any Channel, handler: NIOLoopBound<ClientHandler>
    ) {
        self.endpoint = endpoint
        self.configuration = configuration
        self.channel = channel
        self.handler = handler
    }

    /// Connects to the master, logs in, names the connection and selects the database.
    ///
    /// - Parameter loginTimeout: the longest wait from the TCP connection to the last answer of the login; nil for the
    ///   configuration's limit for an answer.
    /// - Throws: ``RedisError``; `CancellationError` soon after the task is cancelled.
    package static func connect(
        to configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, loginTimeout: TimeAmount? = nil
    ) async throws -> RedisClient {
        try await RedisRoute(configuration: configuration, eventLoopGroup: eventLoopGroup).first { server in
            try await connect(
                to: server, of: configuration, purpose: .server, on: eventLoopGroup.next(), loginTimeout: loginTimeout)
        }
    }

    /// Connects to this one server or sentinel.
    ///
    /// - Parameter onMessage: takes what comes after a SUBSCRIBE, on the event loop.
    static func connect(
        to server: RedisEndpoint, of configuration: RedisConfiguration, purpose: Purpose, on loop: any EventLoop,
        loginTimeout: TimeAmount? = nil, onMessage: (@Sendable (RESPValue) -> Void)? = nil
    ) async throws -> RedisClient {
        let answerTimeout = TimeAmount.milliseconds(configuration.answerTimeoutMilliseconds)
        let credentials =
            purpose == .sentinel ? try configuration.sentinelCredentials() : try configuration.credentials()
        // Of each socket that was tried; a connection may have failed by the time we look for its handler in it.
        let handlers = Mutex<[ObjectIdentifier: NIOLoopBound<ClientHandler>]>([:])
        let channel = try await Dialer(
            configuration: configuration, server: server, loop: loop, receiveBufferSize: 64 * 1024, readsByItself: true
        ).connect { channel in
            let handler = ClientHandler(
                tls: TLSWatch(configuration, server: server), answerTimeout: answerTimeout, onMessage: onMessage)
            let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
            handlers.withLock { $0[ObjectIdentifier(channel)] = bound }
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        guard let handler = handlers.withLock({ $0[ObjectIdentifier(channel)] }) else {
            preconditionFailure("every channel got its handler")
        }
        let client = RedisClient(
            endpoint: server.description, configuration: configuration, channel: channel, handler: handler)
        let limit = loginTimeout ?? answerTimeout
        let timeout = loop.scheduleTask(in: limit) {
            handler.value.loginTimedOut(after: Int(limit.nanoseconds / 1_000_000_000))
        }
        defer { timeout.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await client.logIn(with: credentials, purpose: purpose)
            } onCancel: {
                client.abandon()
            }
        } catch {
            await client.close()
            throw error
        }
        return client
    }

    private func logIn(with credentials: RedisCredentials?, purpose: Purpose) async throws {
        var refusal: RedisError?
        if let credentials, case .error(let text) = try await ask(credentials.authCommand) {
            let error = RedisError.from(reply: credentials.scrubbed(text), command: "AUTH", endpoint: endpoint)
            // Most sentinels have no login of their own and refuse any; those that have say so at the first command.
            guard purpose == .sentinel else { throw error }
            refusal = .sentinelRefusedLogin(
                endpoint: endpoint, reply: credentials.scrubbed(text), isOwn: configuration.sentinelPassword != nil)
        }
        do {
            // A name is a courtesy: an ACL may deny it.
            try await askPolitely(["CLIENT", "SETNAME", .text(configuration.printableClientName)])
        } catch RedisError.authenticationRequired where purpose == .sentinel {
            throw refusal ?? .sentinelWantsLogin(endpoint: endpoint)
        }
        guard purpose == .server else { return }
        let reply = try await askPolitely(["ROLE"])
        if let role = RedisRole(reply: reply), let objection = configuration.objection(to: role, at: endpoint) {
            throw objection
        }
        guard configuration.database != 0 else { return }
        do {
            try await send(["SELECT", "\(configuration.database)"])
        } catch RedisError.serverError(_, let reply) where reply.hasPrefix("ERR DB index") {
            throw RedisError.wrongDatabase(endpoint: endpoint, database: configuration.database)
        }
    }

    /// A command that we can do without.
    ///
    /// - Throws: if the server will not serve this connection at all.
    @discardableResult
    private func askPolitely(_ arguments: [RESPArgument]) async throws -> RESPValue {
        let reply = try await ask(arguments)
        if case .error(let text) = reply, RedisError.refusesConnection(text) {
            throw RedisError.from(reply: text, command: arguments.commandName, endpoint: endpoint)
        }
        return reply
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Throws: ``RedisError``, also for an error reply.
    @discardableResult
    package func send(_ arguments: [RESPArgument]) async throws -> RESPValue {
        let reply = try await ask(arguments)
        if case .error(let text) = reply {
            throw RedisError.from(
                reply: text, command: arguments.commandName, endpoint: endpoint, user: configuration.aclUser,
                names: arguments.names)
        }
        return reply
    }

    /// Runs a script by its hash, or by its text where the server does not know it (yet, or any more).
    @discardableResult
    package func evaluate(_ script: RedisScript, keys: [RESPArgument], arguments: [RESPArgument]) async throws
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
    package func load(script source: String) async throws -> RedisScript {
        let reply = try await send(["SCRIPT", "LOAD", .text(source)])
        guard let sha1 = reply.text else {
            throw RedisError.unexpectedReply(command: "SCRIPT LOAD", reply: reply.summary)
        }
        return RedisScript(source: source, sha1: sha1)
    }

    /// What the server says of itself.
    package func serverInfo() async throws -> RedisServerInfo {
        let reply = try await send(["INFO"])
        guard let text = reply.text else { throw RedisError.unexpectedReply(command: "INFO", reply: reply.summary) }
        return RedisServerInfo(infoText: text)
    }

    /// Sends commands that are encoded already (``RESPEncoder``), for callers that keep many in flight.
    ///
    /// - Parameters:
    ///   - count: commands in `bytes`, at least 1.
    ///   - beforeWrite: called on the event loop as the last thing before that.
    ///   - onWrite: called on the event loop when they were given to the socket, or refused by it.
    ///   - onReply: called `count` times on the event loop, in order; error replies come as ``RESPValue/error(_:)``,
    ///     a lost connection as a failure for each command still unanswered.
    package func pipeline(
        _ bytes: ByteBuffer, count: Int, beforeWrite: (@Sendable () -> Void)? = nil,
        onWrite: (@Sendable () -> Void)? = nil, onReply: @escaping @Sendable (Result<RESPValue, RedisError>) -> Void
    ) {
        precondition(count > 0)
        channel.eventLoop.execute { [handler] in
            beforeWrite?()
            handler.value.send(bytes, expecting: count, onReply: onReply)
            onWrite?()
        }
    }

    /// Returns when the connection has ended, by whichever side.
    package func waitUntilClosed() async {
        try? await channel.closeFuture.get()
    }

    /// Closes the connection; what is unanswered fails with ``RedisError/connectionClosed(endpoint:)``. Returns when it is
    /// closed.
    package func close() async {
        abandon()
        try? await channel.closeFuture.get()
    }

    /// Closes the connection without waiting for that.
    func abandon() {
        channel.eventLoop.execute { [handler, endpoint] in
            handler.value.giveUp(.connectionClosed(endpoint: endpoint))
        }
    }

    /// Sends one command; an error reply is a reply like others.
    package func ask(_ arguments: [RESPArgument]) async throws -> RESPValue {
        var buffer = channel.allocator.buffer(capacity: 128)
        RESPEncoder.encode(arguments, into: &buffer)
        return try await withCheckedThrowingContinuation { continuation in
            pipeline(buffer, count: 1) { continuation.resume(with: $0) }
        }
    }
}

extension [RESPArgument] {
    fileprivate var commandName: String {
        if case .text(let name)? = first { name } else { "the command" }
    }

    /// The channels or keys of a command, as far as an error needs them.
    fileprivate var names: [String] {
        let arguments: ArraySlice<RESPArgument> =
            switch commandName.uppercased() {
            case "EVAL", "EVALSHA": dropFirst(3).prefix(1)
            case "SUBSCRIBE": dropFirst()
            case "PUBSUB": dropFirst(2)
            default: dropFirst().prefix(1)
            }
        return arguments.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }
}

/// A Lua script that a server knows.
package struct RedisScript: Sendable, Equatable {
    /// Lua.
    package let source: String
    /// The hash that `SCRIPT LOAD` answered.
    package let sha1: String

    package init(source: String, sha1: String) {
        self.source = source
        self.sha1 = sha1
    }
}
