import Backplane
import FoundationEssentials
import JSON
import Logging
import NIOCore
import Prometheus

/// Publishes to the backplane of SignalR 2: messages, and commands to the node that owns a connection.
///
/// Runs on the node's event loop, with the bus and the broker, so that the order of publishing is kept.
actor SignalR2Publisher: Publisher {
    private let bus: RedisMessageBus
    private let acknowledgementTime: TimeAmount
    private let metrics: HubMetrics
    private let observer: (any HubNodeObserver)?
    private let executor: any SerialExecutor
    private let logger: Logger
    private var acknowledgements = PendingAcknowledgements()

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - acknowledgementTime: time limit for the ack of a group command.
    ///   - executor: of the event loop of the bus.
    init(
        bus: RedisMessageBus, acknowledgementTime: Duration, metrics: HubMetrics, observer: (any HubNodeObserver)?,
        executor: any SerialExecutor, logger: Logger
    ) {
        self.bus = bus
        self.acknowledgementTime = TimeAmount(acknowledgementTime)
        self.metrics = metrics
        self.observer = observer
        self.executor = executor
        self.logger = logger
    }

    // MARK: - For hubs

    func invoke(_ invocation: ClientCall) async throws {
        try await publish(Message(invocation))
    }

    func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws {
        try await publish(
            Message(
                source: connectionID, key: Signal.connection(connectionID).key,
                value: HubResponse.progress(value, id: requestID)))
    }

    func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws {
        let type: CommandType =
            switch change {
            case .add: .addToGroup
            case .remove: .removeFromGroup
            }
        let command = Command(
            waitForAck: true, id: GUID.random(), type: type, value: Signal.group(hub: hub, group: group).key)
        let message = Message(command, to: connectionID)
        let acknowledged = await withCheckedContinuation { continuation in
            acknowledgements.add(command.id, until: .now() + acknowledgementTime, continuation)
            Task {
                do {
                    try await publish(message)
                } catch {
                    logger.warning("a group command could not be published", metadata: ["cause": "\(error)"])
                    acknowledgements.resolve(command.id, acknowledged: false)
                }
            }
        }
        guard acknowledged else {
            metrics.missingAcknowledgements.increment()
            throw CallFailure.unacknowledged
        }
    }

    // MARK: - For clients

    /// Publishes the command that proves that a client can be reached through the backplane.
    ///
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func initialize(connectionID: String) async throws {
        try await publish(
            Message(Command(waitForAck: false, id: GUID.random(), type: .initializing), to: connectionID))
    }

    /// Asks the node that owns the connection to end it.
    ///
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func abort(connectionID: String) async throws {
        try await publish(
            Message(Command(waitForAck: false, id: GUID.random(), type: .abort), to: connectionID))
    }

    /// Acknowledges a command that was executed here.
    func acknowledge(_ commandID: String, of connectionID: String) {
        let message = Message(
            source: connectionID, key: Signal.ack.key, value: [], commandID: commandID, isAck: true)
        Task {
            do {
                try await publish(message)
            } catch {
                logger.warning("could not publish", metadata: ["cause": "\(error)"])
            }
        }
    }

    func ask(_ invocation: ClientCall) async throws -> HubArgument {
        throw CallFailure.unsupported("A client's result")
    }

    // MARK: - From the backplane

    /// Commands executed by the owner of their connection are complete.
    func heard(_ envelope: Envelope) {
        for message in envelope.body.messages where message.isAck {
            acknowledgements.resolve(message.commandID, acknowledged: true)
        }
    }

    /// Has the bus report ``BusEvent/counter(_:wasAsked:)``.
    func askForCounter() {
        Task { await bus.askForCounter() }
    }

    // MARK: - Time

    /// Gives up timed-out commands; call about once a second.
    func tick(at now: NIODeadline) { acknowledgements.expire(at: now) }

    /// Ends everything that is waiting.
    func shutDown() { acknowledgements.giveUpAll() }

    // MARK: - Private

    /// Publishes one message in its own envelope.
    private func publish(_ message: Message) async throws {
        do {
            let id = try await bus.publish(message)
            metrics.published.increment()
            observer?.published(id: id, message: message)
        } catch {
            metrics.publishErrors.increment()
            throw error
        }
    }
}

extension Message {
    /// A command for the node that owns the connection.
    init(_ command: Command, to connectionID: String) {
        self.init(
            source: connectionID, key: Signal.connection(connectionID).key, value: command.encoded(),
            commandID: command.id, waitForAck: command.waitForAck)
    }

    /// `{"H":hub,"M":method,"A":[...]}` to the audience's signal; the filter contains excluded recipients.
    init(_ invocation: ClientCall) {
        var writer = JSONWriter()
        writer.raw(#"{"H":"#)
        writer.string(invocation.hub)
        writer.raw(#","M":"#)
        writer.string(invocation.method)
        writer.raw(#","A":["#)
        for (index, argument) in invocation.arguments.enumerated() {
            if index > 0 { writer.raw(",") }
            writer.raw(argument.json)
        }
        writer.raw("]}")
        let (signal, excluded) = Self.signal(of: invocation.audience, hub: invocation.hub)
        self.init(
            source: invocation.callerID, key: signal.key, value: writer.bytes,
            filter: excluded.map { Signal.connection($0).key }.joined(separator: "|"))
    }

    private static func signal(of audience: Audience, hub: String) -> (Signal, excluded: [String]) {
        switch audience {
        case .all(let excluded): (.hub(hub), excluded)
        case .client(let id), .listed(let id): (.client(hub: hub, connectionID: id), [])
        case .group(let name, let excluded): (.group(hub: hub, group: name), excluded)
        case .user(let id): (.user(hub: hub, userID: id), [])
        }
    }
}

/// A random identifier in .NET's format: 8-4-4-4-12 lower-case hexadecimal digits.
enum GUID {
    static func random() -> String { UUID().uuidString.lowercased() }
}
