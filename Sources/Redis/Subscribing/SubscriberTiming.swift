package import NIOCore

extension RedisSubscriber {
    /// Intervals for detecting a dead peer.
    ///
    /// A configuration has its own (``RedisConfiguration/pingIntervalSeconds``).
    package struct Timing: Sendable {
        /// After this long without traffic a PING is sent; after the same time without traffic again, the connection is
        /// given up.
        package var pingInterval: TimeAmount
        /// The longest wait from the TCP connection to the confirmed subscription.
        package var handshakeTimeout: TimeAmount

        /// The defaults detect a dead peer within 10 s.
        package init(pingInterval: TimeAmount = .seconds(5), handshakeTimeout: TimeAmount = .seconds(10)) {
            self.pingInterval = pingInterval
            self.handshakeTimeout = handshakeTimeout
        }
    }
}
