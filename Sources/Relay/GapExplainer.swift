import Capture
import Redis

/// Remembers what befell the connection, so that a gap can be given its cause.
///
/// A disruption concerns every channel, until the channel's next envelope has come in.
struct GapExplainer {
    private var disruptions = 0
    private var cause: GapCause?
    /// By channel index: how many disruptions its last envelope knew of.
    private var settled: [Int]
    private var server: RedisServerInfo?
    private var endpoint: String?

    /// - Parameter resumes: true if ids are known from an earlier run: what is missing since then was not recorded.
    init(channels: Int, resumes: Bool) {
        settled = Array(repeating: 0, count: channels)
        if resumes { disrupt(.notRecording) }
    }

    mutating func disconnected(_ cause: DisconnectCause) {
        disrupt(cause == .failover ? .failover : .connectionLost)
    }

    mutating func dropped() {
        disrupt(.dropped)
    }

    /// The server after a (re)connect tells more about why the connection was lost.
    mutating func subscribed(_ subscription: Subscription) {
        let info = subscription.server
        defer {
            if info != nil { server = info }
            endpoint = subscription.endpoint
        }
        guard cause == .connectionLost else { return }
        // Another server took over before we were told.
        if let endpoint, endpoint != subscription.endpoint {
            cause = .failover
            return
        }
        guard let before = server, let info else { return }
        if before.runID != info.runID {
            cause = .redisRestart
        } else if let then = before.outputBufferDisconnections, let now = info.outputBufferDisconnections, now > then {
            cause = .outputBufferLimit
        }
    }

    /// An envelope of this channel came in.
    ///
    /// - Returns: why ids before it may be missing.
    @inline(__always)
    mutating func arrived(on channel: Int) -> GapCause? {
        if settled[channel] == disruptions { return nil }
        settled[channel] = disruptions
        return cause
    }

    private mutating func disrupt(_ cause: GapCause) {
        disruptions += 1
        self.cause = cause
    }
}
