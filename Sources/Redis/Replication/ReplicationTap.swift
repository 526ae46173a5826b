package import Logging
package import NIOCore

/// Reads the replication stream of a Redis server, master or replica, and passes each PUBLISH of the wanted channels to
/// a sink, as a ``RedisSubscriber`` does with its messages.
///
/// It is no subscriber: PUBLISH's answer and `NUMSUB` stay as they are. The stream is counted in bytes, and the server
/// keeps the last part of it (its backlog), so a new connection goes on where the last one ended: nothing is lost
/// unless the backlog was too small, and then the tap knows (``TapAttachment/Loss``). What is published at a replica
/// stays there: it is not in the stream.
package final class ReplicationTap: Sendable {
    /// Intervals of a connection.
    package struct Timing: Sendable {
        /// How often the server is told that the tap is alive.
        package var ackInterval: TimeAmount
        /// The longest wait from the TCP connection to the answer to PSYNC's questions.
        package var handshakeTimeout: TimeAmount
        /// After this long without a byte the connection is given up; nil for what follows from the server's own PING.
        package var silence: TimeAmount?
        /// A server that stops waits for its replicas: this long after it asked, without a write, the tap leaves.
        package var stopPatience: TimeAmount
        /// How long the tap stays away then.
        package var stopAbsence: TimeAmount

        /// The defaults are for production.
        package init(
            ackInterval: TimeAmount = .seconds(1), handshakeTimeout: TimeAmount = .seconds(10),
            silence: TimeAmount? = nil, stopPatience: TimeAmount = .milliseconds(500),
            stopAbsence: TimeAmount = .seconds(1)
        ) {
            self.ackInterval = ackInterval
            self.handshakeTimeout = handshakeTimeout
            self.silence = silence
            self.stopPatience = stopPatience
            self.stopAbsence = stopAbsence
        }
    }

    /// - Parameters:
    ///   - configuration: the server; master and replica are equally good. With several servers the first is taken that
    ///     can be used.
    ///   - names: the wanted channels and patterns; may be empty until ``add(_:_:)``.
    ///   - header: of messages kept with their Redis channel; required if a name asks for it.
    ///   - keepsAll: keeps every PUBLISH under index 0, with its Redis channel.
    ///   - title: what is wanted, for the log.
    ///   - limits: what it may cost the server.
    ///   - last: where an earlier tap ended, to go on there.
    ///   - timing: nil for the defaults, with the configuration's limit for the handshake.
    ///   - sink: receives the envelopes, on the event loop.
    ///   - observer: hears what happens.
    package init(
        configuration: RedisConfiguration, names: [SubscribedName], header: MessageHeader? = nil,
        keepsAll: Bool = false, title: @escaping @Sendable () -> String = { "" }, limits: TapLimits = TapLimits(),
        last: ReplicationPosition? = nil, timing: Timing? = nil, eventLoopGroup: any EventLoopGroup,
        sink: any EnvelopeSink, observer: (any TapObserver)? = nil, logger: Logger
    ) {}

    /// Where the sink has got everything up to; nil before the first attachment.
    package var position: ReplicationPosition? { nil }

    /// What was read so far.
    package var figures: TapFigures { TapFigures() }

    /// Attaches, and attaches again whenever the connection ends, until the task is cancelled. The first attempt after
    /// a lost connection has no delay. May be called again after an error: it goes on at ``position`` if it can.
    ///
    /// - Throws: ``TapError``, always; ``RedisError`` if the first attachment fails for a permanent reason. After a
    ///   first success every ``RedisError`` is retried.
    package func run() async throws {}

    /// Adds wanted channels or patterns, from this moment of the stream on.
    ///
    /// - Parameter body: called on the event loop at the point of the stream from which they are received; not called
    ///   if that happens later.
    /// - Returns: `later` if it is not attached.
    package func add(
        _ names: [SubscribedName], _ body: @escaping @Sendable () -> Void = {}
    ) async -> RedisSubscriber.Change { .later }

    /// Removes wanted channels or patterns.
    @discardableResult
    package func remove(_ names: [SubscribedName.Key]) async -> RedisSubscriber.Change { .later }

    /// Waits until everything that the server has executed so far was passed to the sink. Asks the server for its
    /// offset over a connection of its own: for rare moments.
    ///
    /// - Parameter body: called on the event loop at that point of the stream.
    /// - Returns: false if the tap is not attached, the server does not tell its offset, or the attachment ends first;
    ///   then `body` is not called.
    package func fence(_ body: @escaping @Sendable () -> Void) async -> Bool { false }

    /// Leaves the server, and goes on at the one that the configuration names now; thread-safe.
    package func leaveForAnother() {}
}
