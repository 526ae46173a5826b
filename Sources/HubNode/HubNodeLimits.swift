/// How much a node holds and takes. Each has a metric for what it refused.
public struct HubNodeLimits: Sendable {
    /// TCP connections at once. One more, and the one that has waited longest without a whole request is closed; where all
    /// are in use, the new one.
    public var connections: Int
    /// Bytes of a request's header.
    public var headerBytes: Int
    /// Bytes of one message that a client sends, as on a real node.
    public var inboundMessageBytes: Int
    /// Messages that wait for one client. One more, and the client is disconnected: it reconnects from its cursor.
    public var outboundMessages: Int
    /// Bytes that wait for one client.
    public var outboundBytes: Int
    /// Past envelopes kept for clients that reconnect.
    public var storedEnvelopes: Int
    /// Bytes of past envelopes.
    public var storedBytes: Int
    /// Bytes of one envelope, at least `EnvelopeBatch.largePayload` (1 MiB). A larger one passes by while it comes in and is
    /// never held.
    public var envelopeBytes: Int
    /// Sends that wait for the first connection to Redis, as on a real node; one more is an error.
    public var bufferedSends: Int

    public init(
        connections: Int = 20_000, headerBytes: Int = 128 * 1024, inboundMessageBytes: Int = 64 * 1024,
        outboundMessages: Int = 10_000,
        outboundBytes: Int = 4 << 20, storedEnvelopes: Int = 65_535, storedBytes: Int = 32 << 20,
        envelopeBytes: Int = 32 << 20, bufferedSends: Int = 1_000
    ) {
        self.connections = connections
        self.headerBytes = headerBytes
        self.inboundMessageBytes = inboundMessageBytes
        self.outboundMessages = outboundMessages
        self.outboundBytes = outboundBytes
        self.storedEnvelopes = storedEnvelopes
        self.storedBytes = storedBytes
        self.envelopeBytes = envelopeBytes
        self.bufferedSends = bufferedSends
    }
}
