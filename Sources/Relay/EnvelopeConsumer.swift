package import Logging
package import Prometheus
package import Redis

/// A way that envelopes take beside the recorder: a live forwarder, for instance.
///
/// Called on the recorder's thread behind observers and recorder. It copies what it wants into a bounded queue of its own
/// and never waits.
package protocol EnvelopeConsumer: Sendable {
    /// The relay has subscribed, perhaps to another server than before.
    func subscribed(_ subscription: Subscription)
    /// The batch belongs to the relay again when this returns.
    func offer(_ batch: EnvelopeBatch)
    /// Works until the task is cancelled.
    ///
    /// - Throws: what only a changed configuration heals; it ends the relay.
    func run() async throws
    /// No more is offered: finishes what waits, in a bounded time. ``run()`` has ended.
    func finish() async
}

/// What a branch is told when a relay begins.
package struct EnvelopeConsumerContext: Sendable {
    /// For metrics of its own.
    package let registry: Registry
    /// The event keys, by channel index of a batch.
    package let channels: [String]
    package let logger: Logger
}
