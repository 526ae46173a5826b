import Capture
import Redis

/// Connection events, for determining the cause of a gap. Shared by all channels of a subscription.
struct Disruptions {
    /// 1 for the time before this run, incremented by each event.
    private(set) var count = 1
    /// The cause of the last event in this run.
    private(set) var cause: GapCause?
    /// At the last event the server was replaced by another process, which started without keys: counters restarted at 0.
    private(set) var beganEmpty = false
    private var server: RedisServerInfo?
    private var endpoint: String?
    /// Before the last lost connection.
    private var before: (count: Int, cause: GapCause?)?

    mutating func disconnected(_ cause: DisconnectCause) {
        // Deliberate: what is published from now on is not recorded.
        guard cause != .stopped else { return }
        before = (count, self.cause)
        disrupt(cause == .failover ? .failover : .connectionLost)
    }

    /// The link to the replication stream continued at its last offset: nothing was lost.
    mutating func resumed() {
        guard let before, count == before.count + 1 else { return }
        (count, cause) = before
        self.before = nil
    }

    /// Part of the replication stream was not received.
    mutating func streamLost() { disrupt(.backlogLost) }

    mutating func dropped() {
        disrupt(.dropped)
    }

    /// The server is a replica and has lost its master, or has skipped part of its stream.
    mutating func replicaBroke() {
        disrupt(.replicaResync)
    }

    /// The server after a reconnect shows more about why the connection was lost.
    mutating func subscribed(_ subscription: Subscription) {
        let info = subscription.server
        defer {
            if info != nil { server = info }
            endpoint = subscription.endpoint
        }
        if let server, let info, server.runID != info.runID { beganEmpty = info.beganEmpty }
        guard cause == .connectionLost else { return }
        // Another server took over before the relay was notified.
        if let endpoint, endpoint != subscription.endpoint {
            cause = .failover
            return
        }
        guard let before = server, let info else { return }
        // A sentinel ends the subscriptions of a replica that it promotes.
        if before.role == "slave", info.role == "master", before.runID == info.runID {
            cause = .failover
        } else if before.runID != info.runID {
            cause = .redisRestart
        } else if let then = before.outputBufferDisconnections, let now = info.outputBufferDisconnections, now > then {
            cause = .outputBufferLimit
        }
    }

    private mutating func disrupt(_ cause: GapCause) {
        count += 1
        self.cause = cause
        beganEmpty = false
    }
}
