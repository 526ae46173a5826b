/// How a relay is at one moment, for a line that is shown once a second.
package struct RelaySnapshot: Sendable, Equatable {
    package struct Channel: Sendable, Equatable {
        package var name: String
        /// True if nothing calls for anybody: traffic flows, or there is none.
        package var isCalm: Bool
        /// What the live page says of it, with `{0}`, `{1}` where the times belong.
        package var sentence: String
        /// Nanoseconds since 1970.
        package var times: [UInt64]
        /// Ids since the start.
        package var missing: Int
    }

    package var channels: [Channel]
    /// False without a directory to record into.
    package var records: Bool
    /// Payload bytes recorded since the start, before compression.
    package var recordedBytes: Int
    /// Bytes by which segment files grew since the start; 0 for a relay that does not record.
    package var writtenBytes: Int
}
