package import Redis

/// The state of a Redis, its channels and the record directory before the relay attaches.
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

    /// Why Redis cannot be reached, or refuses; nothing else is known then.
    package var unreachable: String?
    /// Settings that may make it reachable.
    package var missing: [ConnectionSetting] = []
    /// Why this server is not the one to attach to.
    package var objection: String?
    /// nil if CLIENT LIST is not permitted.
    package var clients: SubscribedClients?
    /// `host:port` or another form of the address, without secrets.
    package var endpoint = ""
    /// The database searched for counters.
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
    /// Why no suggestion for a channel name is possible; nil if none was needed.
    package var namesUnknown: String?
    /// Because there are more channels than the limit.
    package var hasTooManyNames = false
    /// Commands that were not permitted, in the order tried.
    package var notPermitted: [String] = []
    /// nil if the relay will not record.
    package var directory: DirectoryReport?
}

/// The state of one channel.
package struct ChannelReport: Sendable, Equatable {
    /// The value of the key with the channel's name.
    package enum Counter: Sendable, Equatable {
        /// GET is not permitted.
        case unknown
        case absent
        case value(UInt64)
        /// A value that SignalR's script cannot increment, described.
        case other(String)
    }

    package var name: String
    /// PUBSUB NUMSUB; nil if it is not permitted.
    package var subscribers: Int?
    package var counter: Counter
    /// Why SUBSCRIBE was refused; nil if it was not, or not tried.
    package var refusal: String?
    /// A similar channel that has subscribers; nil if there is none, or it is unknown.
    package var meant: String?

    package init(name: String, subscribers: Int? = nil, counter: Counter = .unknown, refusal: String? = nil) {
        self.name = name
        self.subscribers = subscribers
        self.counter = counter
        self.refusal = refusal
    }
}

/// Memory limit of Redis, and its policy when full.
package struct RedisMemory: Sendable, Equatable {
    /// In bytes; 0 is no limit.
    package var limit: Int
    /// `noeviction`, `allkeys-lru` and so on.
    package var policy: String
}

/// Persistence of Redis across a restart.
package struct RedisPersistence: Sendable, Equatable {
    package var appendOnlyFile: Bool
    /// The rules of RDB snapshots, empty for none; nil if CONFIG is not permitted.
    package var snapshots: String?
}
