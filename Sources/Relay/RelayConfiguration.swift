import Preflight
package import Capture
package import Redis

/// What one relay does.
package struct RelayConfiguration: Sendable {
    package var redis: RedisConfiguration
    /// The event keys to watch, at least one.
    package var channels: [String]
    /// Where and how to record; nil to observe only.
    package var recording: CaptureWriter.Configuration?
    /// What of the payloads is recorded.
    package var payload: PayloadPolicy
    /// What becomes of closed segments, and when recording must pause.
    package var housekeeping: HousekeepingPolicy
    /// Memory for envelopes that wait for the recorder, in bytes.
    package var bufferBytes: Int
    /// Where `/metrics` and the probes are served; port 0 takes a free one.
    package var listenHost: String
    package var listenPort: Int
    /// Who may see them.
    package var access: WebAccess
    /// Whether the live page shows the values of messages: what users wrote.
    package var showsPayloads: Bool
    /// On the live page.
    package var links: LiveLinks
    /// Channels of the Redis up to which it is asked for their names, where nobody listens to a channel.
    package var maxChannelScan: Int
    /// Makes what takes envelopes beside the recorder.
    package var branches: [@Sendable (EnvelopeConsumerContext) -> any EnvelopeConsumer]
    package var version: String
    /// Name of this machine, for the capture.
    package var hostName: String

    package init(
        redis: RedisConfiguration, channels: [String], recording: CaptureWriter.Configuration? = nil,
        payload: PayloadPolicy = PayloadPolicy(), housekeeping: HousekeepingPolicy = HousekeepingPolicy(),
        bufferBytes: Int = 64 << 20, listenHost: String = "127.0.0.1", listenPort: Int = 9464,
        access: WebAccess = WebAccess(), showsPayloads: Bool = false, links: LiveLinks = LiveLinks(),
        maxChannelScan: Int = ChannelScanPolicy.defaultLimit,
        branches: [@Sendable (EnvelopeConsumerContext) -> any EnvelopeConsumer] = [],
        version: String, hostName: String
    ) {
        precondition(!channels.isEmpty && bufferBytes > 0)
        self.redis = redis
        self.channels = channels
        self.recording = recording
        self.payload = payload
        self.housekeeping = housekeeping
        self.bufferBytes = bufferBytes
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.access = access
        self.showsPayloads = showsPayloads
        self.links = links
        self.maxChannelScan = maxChannelScan
        self.branches = branches
        self.version = version
        self.hostName = hostName
    }
}
