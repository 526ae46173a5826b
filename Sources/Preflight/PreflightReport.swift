package import Redis

/// What was found of a Redis, its channels and the record directory before the relay attaches.
package struct PreflightReport: Sendable {
    /// `client-output-buffer-limit` for subscribers, in bytes and seconds; 0 bytes is no limit.
    package struct OutputBufferLimit: Sendable, Equatable {
        package var hardBytes: Int
        package var softBytes: Int
        package var softSeconds: Int

        package init(hardBytes: Int, softBytes: Int, softSeconds: Int) {
            self.hardBytes = hardBytes
            self.softBytes = softBytes
            self.softSeconds = softSeconds
        }
    }

    /// Why Redis cannot be reached, or will not serve; then nothing else is known of it.
    package var unreachable: String?
    /// What may be given so that it can be reached.
    package var missing: [ConnectionSetting] = []
    /// Why this server is not the one to attach to.
    package var objection: String?
    /// nil if CLIENT LIST is not permitted.
    package var clients: SubscribedClients?
    /// `host:port` or what the address is, without secrets.
    package var endpoint = ""
    /// The database that is searched for counters.
    package var database = 0
    /// Time from a PING to its answer.
    package var roundTripNanoseconds: UInt64 = 0
    /// nil if INFO is not permitted.
    package var server: RedisServerInfo?
    package var memory: RedisMemory?
    package var persistence: RedisPersistence?
    /// The ACL user; nil if ACL WHOAMI is not permitted or not known (Redis before 6).
    package var user: String?
    /// nil if CONFIG is not permitted.
    package var outputBufferLimit: OutputBufferLimit?
    /// The clock of Redis minus ours; nil if TIME is not permitted.
    package var clockDifferenceNanoseconds: Int64?
    package var channels: [ChannelReport] = []
    /// nil if nothing of ASP.NET Core is going to be watched.
    package var core: CoreReport?
    /// Hubs of ASP.NET Core with nodes, if an event key has no subscribers; nobody knows them otherwise.
    package var hubsHere: [FoundHub] = []
    /// Why nobody can tell which channel was meant; nil if that was no question.
    package var namesUnknown: String?
    /// That is because there are more channels than it is asked for.
    package var hasTooManyNames = false
    /// Commands that the server did not permit, in the order in which they were tried.
    package var notPermitted: [String] = []
    /// nil if the relay is not going to record.
    package var directory: DirectoryReport?
}

/// What was found of one channel.
package struct ChannelReport: Sendable, Equatable {
    /// What the key of the channel's name holds.
    package enum Counter: Sendable, Equatable {
        /// GET is not permitted.
        case unknown
        case absent
        case value(UInt64)
        /// Something that SignalR's script cannot count up; in words.
        case other(String)
    }

    package var name: String
    /// PUBSUB NUMSUB; nil if it is not permitted.
    package var subscribers: Int?
    package var counter: Counter
    /// Why SUBSCRIBE was refused; nil if it was not, or not tried.
    package var refusal: String?
    /// A channel with subscribers that was probably meant; nil if none is near, or nobody may be asked.
    package var meant: String?

    package init(name: String, subscribers: Int? = nil, counter: Counter = .unknown, refusal: String? = nil) {
        self.name = name
        self.subscribers = subscribers
        self.counter = counter
        self.refusal = refusal
    }
}

/// How much a Redis may hold, and what it does when it is full.
package struct RedisMemory: Sendable, Equatable {
    /// In bytes; 0 is no limit.
    package var limit: Int
    /// `noeviction`, `allkeys-lru` and so on.
    package var policy: String
}

/// What a Redis keeps across a restart.
package struct RedisPersistence: Sendable, Equatable {
    package var appendOnlyFile: Bool
    /// The rules of RDB snapshots, empty for none; nil if CONFIG is not permitted.
    package var snapshots: String?
}
