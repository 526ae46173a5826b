package import NIOCore

extension ReplicationTap {
    /// Intervals of a connection.
    package struct Timing: Sendable {
        /// Interval of the acknowledgements that show the server that the tap is alive.
        package var ackInterval: TimeAmount
        /// The longest time from the TCP connection to PSYNC.
        package var handshakeTimeout: TimeAmount
        /// After this long without a byte the server is asked for its offset over another connection, and given up if it
        /// does not answer or the stream does not follow; nil for a little more than the time between its own PINGs.
        package var silence: TimeAmount?
        /// A stopping server waits for its replicas: the tap leaves this long after its request, if nothing is written.
        package var stopPatience: TimeAmount
        /// How long the tap stays away then.
        package var stopAbsence: TimeAmount

        /// The defaults are for production.
        package init(
            ackInterval: TimeAmount = .seconds(1), handshakeTimeout: TimeAmount = .seconds(10),
            silence: TimeAmount? = nil, stopPatience: TimeAmount = .milliseconds(500),
            stopAbsence: TimeAmount = .seconds(1)
        ) {
            self.ackInterval = ackInterval
            self.handshakeTimeout = handshakeTimeout
            self.silence = silence
            self.stopPatience = stopPatience
            self.stopAbsence = stopAbsence
        }
    }
}
