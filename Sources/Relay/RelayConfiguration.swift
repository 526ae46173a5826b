package import Backplane
package import Capture
package import Preflight
package import Redis

/// What one relay does.
package struct RelayConfiguration: Sendable {
    package var redis: RedisConfiguration
    /// What is watched from the start: at least one, unless hubs are looked for.
    package var backplanes: [BackplaneChannel]
    /// nil where nothing of ASP.NET Core is watched.
    package var core: CoreAttachment?
    /// Where and how to record; nil to observe only.
    package var recording: CaptureWriter.Configuration?
    /// What of the payloads is recorded.
    package var payload: PayloadPolicy
    /// What becomes of closed segments, and when recording must pause.
    package var housekeeping: HousekeepingPolicy
    /// Memory for envelopes that wait for the recorder, in bytes.
    package var bufferBytes: Int
    /// Where `/metrics`, the probes and the live page are served, and to whom.
    package var web: WebConfiguration
    /// Channels of the Redis up to which it is asked for their names, where nobody listens to a channel.
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
