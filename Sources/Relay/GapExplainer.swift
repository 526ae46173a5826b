import Capture
import Redis

/// Remembers what befell the connection, so that a gap can be given its cause.
///
/// A disruption concerns every channel, until the channel's next envelope has come in.
struct GapExplainer {
    private var disruptions = 0
    private var cause: GapCause?
    /// Of the last thing that happened in this run.
    var latestCause: GapCause? { cause }
    /// By channel index: how many disruptions its last envelope knew of.
    private var settled: [Int]
    private var server: RedisServerInfo?
    private var endpoint: String?
    /// By channel index: why ids are missing since an earlier run recorded the last one; nil without one.
    private let earlier: [GapCause?]
    /// Whether what ``arrived(on:)`` told last is about that time.
    private(set) var explainsEarlierRun = false

    /// - Parameter earlier: see above.
    init(earlier: [GapCause?]) {
        self.earlier = earlier
        settled = earlier.map { $0 == nil ? 1 : 0 }
        disruptions = 1
    }

    mutating func disconnected(_ cause: DisconnectCause) {
        // Of our own accord: what comes from now on is not ours.
        guard cause != .stopped else { return }
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
        return settle(channel)
    }

    /// Why ids are missing since an earlier run.
    func earlierCause(_ channel: Int) -> GapCause { earlier[channel] ?? .notRecording }

    /// True if ids of this channel may be missing for something that happened in this run.
    func isDisrupted(_ channel: Int) -> Bool { disruptions > 1 && settled[channel] != disruptions }

    private mutating func settle(_ channel: Int) -> GapCause? {
        explainsEarlierRun = disruptions == 1
        settled[channel] = disruptions
        return explainsEarlierRun ? earlier[channel] : cause
    }

    private mutating func disrupt(_ cause: GapCause) {
        disruptions += 1
        self.cause = cause
    }
}
