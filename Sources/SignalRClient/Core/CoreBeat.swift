import NIOCore

/// Determines when a client sends a ping, and when it considers its node gone. No I/O; time is an argument.
struct CoreBeat {
    enum Due: Equatable {
        case ping
        case dead
        case nothing(until: NIODeadline)
    }

    /// A ping is sent after this long without a message to the node.
    let pingInterval: TimeAmount
    /// The node is considered gone after this long without a message from it.
    let serverTimeout: TimeAmount
    private var lastSent: NIODeadline
    private var lastReceived: NIODeadline

    init(pingInterval: TimeAmount, serverTimeout: TimeAmount, now: NIODeadline) {
        self.pingInterval = pingInterval
        self.serverTimeout = serverTimeout
        lastSent = now
        lastReceived = now
    }

    mutating func sent(at now: NIODeadline) { lastSent = now }

    mutating func received(at now: NIODeadline) { lastReceived = now }

    func due(at now: NIODeadline) -> Due {
        let (death, ping) = (lastReceived + serverTimeout, lastSent + pingInterval)
        if now >= death { return .dead }
        return now >= ping ? .ping : .nothing(until: min(death, ping))
    }
}
