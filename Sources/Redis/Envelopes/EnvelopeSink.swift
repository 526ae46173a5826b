/// Receives the output of a ``RedisSubscriber``. All calls are on the subscriber's event loop, in order; none may block
/// or take long.
package protocol EnvelopeSink: AnyObject, Sendable {
    /// An empty batch to fill next.
    func nextBatch() -> EnvelopeBatch
    /// A batch with at least one envelope; from now on it belongs to the sink.
    func deliver(_ batch: EnvelopeBatch)
    /// A payload of more than ``EnvelopeBatch/largePayload`` bytes is being received. If admitted, it is delivered as a
    /// separate batch with ``EnvelopeBatch/isAdmitted``, or reported to ``abandoned(payloadOf:)``; otherwise to
    /// ``skipped(_:)``.
    ///
    /// - Parameters:
    ///   - bytes: its length, as announced by the server.
    ///   - channel: as in ``EnvelopeBatch``.
    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission
    /// The connection ended before an admitted payload was complete.
    func abandoned(payloadOf bytes: Int)
    /// A payload that was not admitted has passed.
    func skipped(_ payload: SkippedPayload)
    /// A message that is not part of a batch: see ``SubscribedName/init(aside:)``. Earlier envelopes were delivered.
    func aside(_ payload: [UInt8])
    /// All channels are confirmed.
    func subscribed(_ subscription: Subscription)
    /// A subscription that had been confirmed has ended.
    func disconnected(_ cause: DisconnectCause)
}

extension EnvelopeSink {
    /// Admits every payload by default.
    package func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission { .take }
    /// Ignored by default.
    package func abandoned(payloadOf bytes: Int) {}
    /// Ignored by default.
    package func skipped(_ payload: SkippedPayload) {}
    /// Ignored by default.
    package func aside(_ payload: [UInt8]) {}
}

/// The decision about a large payload.
package enum PayloadAdmission: Sendable {
    case take
    /// There is not enough memory now.
    case noRoom
    /// It can never fit.
    case tooLarge
}

/// A payload that was not kept.
package struct SkippedPayload: Sendable, Equatable {
    /// Index of the channel, as in ``EnvelopeBatch``.
    package var channel: Int
    /// Its length.
    package var bytes: Int
    /// Its first bytes, enough for the id.
    package var start: [UInt8]
    /// When its end was read, nanoseconds since 1970.
    package var receivedAt: UInt64
    /// False if memory was lacking only at that moment.
    package var isTooLarge: Bool

    /// - Parameter start: the first bytes, enough for the id.
    package init(channel: Int, bytes: Int, start: [UInt8], receivedAt: UInt64, isTooLarge: Bool) {
        self.channel = channel
        self.bytes = bytes
        self.start = start
        self.receivedAt = receivedAt
        self.isTooLarge = isTooLarge
    }
}

/// Why a subscription ended.
package enum DisconnectCause: Sendable, Equatable, CustomStringConvertible {
    /// The server closed the connection: restart, `CLIENT KILL`, or a full output buffer.
    case closedByServer
    /// The operating system reported an error, such as a reset.
    case ioError(String)
    /// The server no longer answered PING.
    case noAnswer
    /// The data is not RESP; hiredis' message.
    case protocolError(String)
    /// The server ended the subscription with an error reply.
    case serverError(String)
    /// We disconnected to use another server: the master after a failover, or one in place of a replica without a link or
    /// of a cluster node that is cut off.
    case failover
    /// We left because the server is stopping and waits for its replicas (``ReplicationTap`` only).
    case serverStopping
    /// We were stopped.
    case stopped

    /// A stable word for events and metrics.
    package var label: String {
        switch self {
        case .closedByServer: "closed_by_server"
        case .ioError: "io_error"
        case .noAnswer: "no_answer"
        case .protocolError: "protocol_error"
        case .serverError: "server_error"
        case .failover: "failover"
        case .serverStopping: "server_stopping"
        case .stopped: "stopped"
        }
    }

    package var description: String {
        switch self {
        case .closedByServer: "the server closed the connection"
        case .ioError(let text): "the connection failed: \(text)"
        case .noAnswer: "the server no longer answers PING"
        case .protocolError: "the server sent something that is not in the Redis protocol"
        case .serverError(let text): "the server ended the subscription: \(text)"
        case .failover: "moving to another server"
        case .serverStopping: "the server is stopping"
        case .stopped: "stopped"
        }
    }
}

/// Facts about a subscription that has just been confirmed.
package struct Subscription: Sendable, Equatable {
    /// Of the server subscribed to.
    package enum Role: Sendable, Equatable {
        /// Or unknown.
        case master
        ///   - of: `host:port` of its master; nil if unknown.
        case replica(of: String?)
    }

    /// The server's role at the beginning of the subscription.
    package var role = Role.master
    /// `host:port` of a replica's master; nil if unknown, and for a master.
    package var master: String? { if case .replica(let master) = role { master } else { nil } }
    /// The server's INFO; nil if not permitted.
    package var server: RedisServerInfo?
    /// Whether the server is a node of a cluster; false if INFO is not permitted.
    package var isCluster: Bool { server?.mode == "cluster" }
    /// The replication section of the same INFO; nil without one.
    package var replication: ReplicationReport?
    /// Our connection's id in `CLIENT LIST`; nil if CLIENT ID is not permitted.
    package var connectionID: Int?
    /// The server subscribed to, `host:port`; with sentinels or several servers it may change.
    package var endpoint: String
    /// The channels come from the server's replication stream, everything after this position of it; nil for a
    /// subscription.
    package var streamPosition: ReplicationPosition?

    /// - Parameter endpoint: `host:port`.
    package init(server: RedisServerInfo?, connectionID: Int? = nil, endpoint: String) {
        self.server = server
        self.connectionID = connectionID
        self.endpoint = endpoint
    }
}
