package import Backplane
package import Capture
package import Preflight
package import Redis

/// The configuration of one relay.
package struct RelayConfiguration: Sendable {
    package var redis: RedisConfiguration
    /// The initially watched channels: at least one, unless hubs are discovered.
    package var backplanes: [BackplaneChannel]
    /// nil if nothing of ASP.NET Core is watched.
    package var core: CoreAttachment?
    /// Where and how to record; nil to observe only.
    package var recording: CaptureWriter.Configuration?
    /// Which parts of payloads to record.
    package var payload: PayloadPolicy
    /// How to treat closed segments, and when to pause recording.
    package var housekeeping: HousekeepingPolicy
    /// Memory for envelopes waiting for the recorder, in bytes.
    package var bufferBytes: Int
    /// Where `/metrics`, the probes and the live page are served, and to whom.
    package var web: WebConfiguration
    /// Maximum number of channels for which Redis is asked for names, if a channel has no other subscribers.
    package var maxChannelScan: Int
    /// Whether the counters are compared with what arrived at the stop, too, which may take seconds.
    package var looksAtStop = true
    package var version: String
    /// Name of this machine, for the capture.
    package var hostName: String

    package init(
        redis: RedisConfiguration, backplanes: [BackplaneChannel], core: CoreAttachment? = nil,
        recording: CaptureWriter.Configuration? = nil,
        payload: PayloadPolicy = PayloadPolicy(), housekeeping: HousekeepingPolicy = HousekeepingPolicy(),
        bufferBytes: Int = 64 << 20, web: WebConfiguration = WebConfiguration(),
        maxChannelScan: Int = ChannelScanPolicy.defaultLimit, version: String, hostName: String
    ) {
        precondition((!backplanes.isEmpty || core?.findsHubs == true) && bufferBytes > 0)
        self.redis = redis
        self.backplanes = backplanes
        self.core = core
        self.recording = recording
        self.payload = payload
        self.housekeeping = housekeeping
        self.bufferBytes = bufferBytes
        self.web = web
        self.maxChannelScan = maxChannelScan
        self.version = version
        self.hostName = hostName
    }
}
