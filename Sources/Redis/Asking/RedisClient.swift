package import NIOCore
import Synchronization

/// A command connection: commands are pipelined in the order of the calls, and replies arrive in that order.
package final class RedisClient: Sendable {
    /// The kind of server.
    enum Purpose {
        /// A server that must have the role that the configuration needs.
        case server
        /// A server of any role, to be asked about itself.
        case inquiry
        case sentinel
    }

    /// The connected server.
    package let server: RedisEndpoint
    /// The same as `host:port`.
    package var endpoint: String { server.description }
    let configuration: RedisConfiguration
    /// Answers commands that need more servers; nil if the server answers all of them.
    let router = Mutex<(any CommandRouter)?>(nil)
    let observer: RedisObserver?
    private let channel: any Channel
    private let handler: NIOLoopBound<ClientHandler>

    private init(
        server: RedisEndpoint, configuration: RedisConfiguration, observer: RedisObserver?, channel: any Channel,
        handler: NIOLoopBound<ClientHandler>
    ) {
        self.server = server
        self.configuration = configuration
        self.observer = observer
        self.channel = channel
        self.handler = handler
    }

    /// Connects to the master, or to what is to be watched, logs in, names the connection and selects the database.
    ///
    /// - Parameters:
    ///   - loginTimeout: the longest time from the TCP connection to the last reply of the login; nil for the
    ///   configuration's limit.
    ///   - onMessage: receives messages after a SUBSCRIBE, on the event loop.
    /// - Throws: ``RedisError``; `CancellationError` soon after cancellation.
    package static func connect(
        to configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, loginTimeout: TimeAmount? = nil,
        onMessage: (@Sendable (RESPValue) -> Void)? = nil
    ) async throws -> RedisClient {
        try await RedisRoute(configuration: configuration, eventLoopGroup: eventLoopGroup).first {
            server, configuration in
            try await connect(
                to: server, of: configuration, purpose: .server, on: eventLoopGroup.next(), loginTimeout: loginTimeout,
                onMessage: onMessage)
        }
    }

    /// Connects to this one server or sentinel.
    ///
    /// - Parameter onMessage: receives messages after a SUBSCRIBE, on the event loop.
    static func connect(
        to server: RedisEndpoint, of configuration: RedisConfiguration, purpose: Purpose, on loop: any EventLoop,
        loginTimeout: TimeAmount? = nil, onMessage: (@Sendable (RESPValue) -> Void)? = nil
    ) async throws -> RedisClient {
        let answerTimeout = TimeAmount.milliseconds(configuration.answerTimeoutMilliseconds)
        let credentials =
            purpose == .sentinel ? try configuration.sentinelCredentials() : try configuration.credentials()
        // By attempted socket; a connection may have failed before we look up its handler.
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
            server: server, configuration: configuration,
            observer: purpose == .sentinel ? nil : configuration.observer, channel: channel, handler: handler)
        let limit = loginTimeout ?? answerTimeout
        let timeout = loop.scheduleTask(in: limit) {
            handler.value.loginTimedOut(after: Int(limit.nanoseconds / 1_000_000_000))
        }
        defer { timeout.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await client.logIn(with: credentials, purpose: purpose)
                // Only RESP3 admits AUTH while subscribed. A server without it says so when the password changes.
                if onMessage != nil, configuration.passwordFile != nil, purpose == .server {
                    _ = try await client.ask(["HELLO", "3"])
                }
            } onCancel: {
                client.abandon()
            }
            // Most sentinels have no login.
            if purpose == .server {
                loop.execute { handler.value.keepLogin(configuration, credentials) }
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
            // Most sentinels have no login and refuse any; those with a login say so at the first command.
            guard purpose == .sentinel else { throw error }
            refusal = .sentinelRefusedLogin(
                endpoint: endpoint, reply: credentials.scrubbed(text), isOwn: configuration.sentinelPassword != nil)
        }
        do {
            // Naming the connection is optional: an ACL may deny it.
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

    /// Sends an optional command.
    ///
    /// - Throws: if the server refuses the connection altogether.
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

    /// The server's INFO.
    package func serverInfo() async throws -> RedisServerInfo {
        let reply = try await send(["INFO"])
        guard let text = reply.text else { throw RedisError.unexpectedReply(command: "INFO", reply: reply.summary) }
        return RedisServerInfo(infoText: text)
    }

    /// Sends encoded commands (``RESPEncoder``), for callers with many commands in flight.
    ///
    /// - Parameters:
    ///   - count: commands in `bytes`, at least 1.
    ///   - beforeWrite: called on the event loop directly before the write.
    ///   - onWrite: called on the event loop when the commands were written to the socket, or refused by it.
    ///   - onReply: called `count` times on the event loop, in order; error replies are ``RESPValue/error(_:)``, a lost
    ///     connection is a failure for each unanswered command.
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

    /// Returns when the connection has ended, on either side.
    package func waitUntilClosed() async {
        try? await channel.closeFuture.get()
    }

    /// Closes the connection; unanswered commands fail with ``RedisError/connectionClosed(endpoint:)``. Returns when it
    /// is closed.
    package func close() async {
        abandon()
        try? await channel.closeFuture.get()
    }

    /// Closes the connection without waiting.
    func abandon() {
        router.withLock { $0 }?.abandon()
        channel.eventLoop.execute { [handler, endpoint] in
            handler.value.giveUp(.connectionClosed(endpoint: endpoint))
        }
    }

    /// Runs the first commands on the connection; closes it if they fail.
    @discardableResult
    func first(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
    ) async throws -> RedisClient {
        do { try await body() } catch {
            await close()
            throw error
        }
        return self
    }

    /// Sends one command; returns error replies as values.
    package func ask(_ arguments: [RESPArgument]) async throws -> RESPValue {
        if let router = router.withLock({ $0 }), let reply = try await router.answer(arguments, askedOf: self) {
            return reply
        }
        return try await askServer(arguments)
    }

    /// The same, always answered by this server.
    func askServer(_ arguments: [RESPArgument]) async throws -> RESPValue {
        var buffer = channel.allocator.buffer(capacity: 128)
        RESPEncoder.encode(arguments, into: &buffer)
        let command = AskedCommand(arguments)
        let start = NIODeadline.now()
        return try await withCheckedThrowingContinuation { continuation in
            pipeline(buffer, count: 1) { [observer] reply in
                if let observer, case .success = reply {
                    observer.answered(command, (NIODeadline.now() - start).nanoseconds)
                }
                continuation.resume(with: reply)
            }
        }
    }
}

extension [RESPArgument] {
    /// For errors.
    var commandName: String {
        if case .text(let name)? = first { name } else { "the command" }
    }

    /// The channels or keys of a command, for errors.
    var names: [String] {
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
