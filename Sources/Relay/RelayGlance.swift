/// How a relay is at one moment, for a line that is shown once a second.
public struct RelayGlance: Sendable, Equatable {
    public struct Channel: Sendable, Equatable {
        public var name: String
        /// True if nothing calls for anybody: traffic flows, or there is none.
        public var isCalm: Bool
        /// What the live page says of it, with `{0}`, `{1}` where the times belong.
        public var sentence: String
        /// Nanoseconds since 1970.
        public var times: [UInt64]
        /// Ids since the start.
        public var missing: Int
    }

    public var channels: [Channel]
    /// False without a directory to record into.
    public var records: Bool
    /// Payload bytes recorded since the start, before compression.
    public var recordedBytes: Int
    /// Bytes by which segment files grew since the start; 0 for a relay that does not record.
    public var writtenBytes: Int
}
