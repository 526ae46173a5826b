/// Why ids are missing.
package enum GapCause: String, Sendable, CaseIterable {
    /// Our own intake was full.
    case dropped
    /// The connection was lost in between.
    case connectionLost = "connection_lost"
    /// Redis closed our connection because its output buffer was full.
    case outputBufferLimit = "output_buffer_limit"
    /// The server's run_id changed in between.
    case redisRestart = "redis_restart"
    /// Another server became the master in between.
    case failover
    /// The relay was not recording in between.
    case notRecording = "not_recording"
    /// They had not arrived when the relay stopped, although Redis had given them out.
    case stopped
    /// Nothing happened to us: the counter moved without a PUBLISH on the channel.
    case foreignPublish = "foreign_publish"
    /// The capture holds no event that explains it.
    case unknown
}
