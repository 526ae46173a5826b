package import Capture
import Preflight
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
    /// Where `/metrics`, the probes and the live page are served, and to whom.
    package var web: WebConfiguration
    /// Channels of the Redis up to which it is asked for their names, where nobody listens to a channel.
    package var maxChannelScan: Int
    package var version: String
    /// Name of this machine, for the capture.
    package var hostName: String

    package init(
        redis: RedisConfiguration, channels: [String], recording: CaptureWriter.Configuration? = nil,
        payload: PayloadPolicy = PayloadPolicy(), housekeeping: HousekeepingPolicy = HousekeepingPolicy(),
        bufferBytes: Int = 64 << 20, web: WebConfiguration = WebConfiguration(),
        maxChannelScan: Int = ChannelScanPolicy.defaultLimit, version: String, hostName: String
    ) {
        precondition(!channels.isEmpty && bufferBytes > 0)
        self.redis = redis
        self.channels = channels
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
