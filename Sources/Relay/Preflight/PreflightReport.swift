public import Redis

/// What was found of a Redis, its channels and the record directory before the relay attaches.
public struct PreflightReport: Sendable {
    /// `client-output-buffer-limit` for subscribers, in bytes and seconds; 0 bytes is no limit.
    public struct OutputBufferLimit: Sendable, Equatable {
        public var hardBytes: Int
        public var softBytes: Int
        public var softSeconds: Int

        public init(hardBytes: Int, softBytes: Int, softSeconds: Int) {
            self.hardBytes = hardBytes
            self.softBytes = softBytes
            self.softSeconds = softSeconds
        }
    }

    /// Why Redis cannot be reached, or will not serve; then nothing else is known of it.
    public var unreachable: String?
    /// Why this server is not the one to attach to.
    public var objection: String?
    /// nil if CLIENT LIST is not permitted.
    public var clients: SubscribedClients?
    /// `host:port` or what the address is, without secrets.
    public var endpoint = ""
    /// The database that is searched for counters.
    public var database = 0
    /// Time from a PING to its answer.
    public var roundTripNanoseconds: UInt64 = 0
    /// nil if INFO is not permitted.
    public var server: RedisServerInfo?
    public var memory: RedisMemory?
    public var persistence: RedisPersistence?
    /// The ACL user; nil if ACL WHOAMI is not permitted or not known (Redis before 6).
    public var user: String?
    /// nil if CONFIG is not permitted.
    public var outputBufferLimit: OutputBufferLimit?
    /// The clock of Redis minus ours; nil if TIME is not permitted.
    public var clockDifferenceNanoseconds: Int64?
    public var channels: [ChannelReport] = []
    /// Why nobody can tell which channel was meant; nil if that was no question.
    public var namesUnknown: String?
    /// Commands that the server did not permit, in the order in which they were tried.
    public var notPermitted: [String] = []
    /// nil if the relay is not going to record.
    public var directory: DirectoryReport?
}

/// What was found of one channel.
public struct ChannelReport: Sendable, Equatable {
    /// What the key of the channel's name holds.
    public enum Counter: Sendable, Equatable {
        /// GET is not permitted.
        case unknown
        case absent
        case value(UInt64)
        /// Something that SignalR's script cannot count up; in words.
        case other(String)
    }

    public var name: String
    /// PUBSUB NUMSUB; nil if it is not permitted.
    public var subscribers: Int?
    public var counter: Counter
    /// Why SUBSCRIBE was refused; nil if it was not, or not tried.
    public var refusal: String?
    /// A channel with subscribers that was probably meant; nil if none is near, or nobody may be asked.
    public var meant: String?

    public init(name: String, subscribers: Int? = nil, counter: Counter = .unknown, refusal: String? = nil) {
        self.name = name
        self.subscribers = subscribers
        self.counter = counter
        self.refusal = refusal
    }
}

/// How much a Redis may hold, and what it does when it is full.
public struct RedisMemory: Sendable, Equatable {
    /// In bytes; 0 is no limit.
    public var limit: Int
    /// `noeviction`, `allkeys-lru` and so on.
    public var policy: String
}

/// What a Redis keeps across a restart.
public struct RedisPersistence: Sendable, Equatable {
    public var appendOnlyFile: Bool
    /// The rules of RDB snapshots, empty for none; nil if CONFIG is not permitted.
    public var snapshots: String?
}
