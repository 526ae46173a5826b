import CLinux
import Capture
package import Redis
import SystemPackage
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The state of a Redis, its channels and the record directory before the relay attaches.
package struct PreflightReport: Sendable {
    /// `client-output-buffer-limit` for subscribers, in bytes and seconds; 0 bytes is no limit.
    package struct OutputBufferLimit: Sendable, Equatable {
        /// Redis closes the connection at once above this size.
        package var hardBytes: Int
        /// Redis closes the connection above this size if it lasts ``softSeconds``.
        package var softBytes: Int
        /// How long the soft limit may be exceeded.
        package var softSeconds: Int

        /// - Parameters: 0 bytes for no limit.
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
    /// nil for a master, a node of a cluster, and if INFO is not permitted.
    package var replica: ReplicaReport?
    /// nil if the server is not a node of a cluster.
    package var cluster: ClusterReport?
    /// nil if INFO is not permitted.
    package var memory: RedisMemory?
    /// nil if INFO is not permitted.
    package var persistence: RedisPersistence?
    /// The ACL user; nil if ACL WHOAMI is not permitted or not known (Redis before 6).
    package var user: String?
    /// nil if CONFIG is not permitted.
    package var outputBufferLimit: OutputBufferLimit?
    /// The clock of Redis minus ours; nil if TIME is not permitted.
    package var clockDifferenceNanoseconds: Int64?
    /// The event keys of SignalR 2 to watch, in the given order.
    package var channels: [ChannelReport] = []
    /// nil if nothing of ASP.NET Core is to be watched.
    package var core: CoreReport?
    /// Hubs of ASP.NET Core with nodes. Searched only if an event key has no subscribers.
    package var hubsHere: [FoundHub] = []
    /// Why no suggestion for a channel name is possible; nil if none was needed.
    package var namesUnknown: String?
    /// True if ``namesUnknown`` because there are more channels than the limit.
    package var hasTooManyNames = false
    /// Commands that were not permitted, or that the server does not have, in the order tried.
    package var notPermitted: [AskedCommand] = []
    /// Fields that INFO did not contain; empty if INFO is not permitted.
    package var missingFields: [InfoField] = []
    /// nil if the replication stream is not to be read, or Redis was not asked.
    package var tap: TapReport?
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

    /// The event key.
    package var name: String
    /// PUBSUB NUMSUB; nil if it is not permitted.
    package var subscribers: Int?
    /// The value of the key with the channel's name.
    package var counter: Counter
    /// Why SUBSCRIBE was refused; nil if it was not, or not tried.
    package var refusal: String?
    /// A similar channel that has subscribers; nil if there is none, or it is unknown.
    package var meant: String?

    /// The defaults are those of a channel about which nothing is known.
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
    /// Whether Redis writes an append-only file.
    package var appendOnlyFile: Bool
    /// The rules of RDB snapshots, empty for none; nil if CONFIG is not permitted.
    package var snapshots: String?
}

/// The subscribers of a server over all channels, classified by their names in `CLIENT LIST`.
package struct SubscribedClients: Sendable, Equatable {
    /// Relays and tails, which only observe.
    package var observers: Int
    /// All others: possibly nodes.
    package var others: Int

    /// - Parameters: number of clients.
    package init(observers: Int, others: Int) {
        self.observers = observers
        self.others = others
    }

    /// - Parameter list: the reply to `CLIENT LIST TYPE pubsub`.
    package init(list: String) {
        self.init(observers: 0, others: 0)
        for line in list.split(whereSeparator: \.isNewline) {
            let client = InfoFields(client: String(line))
            // PUBSUB NUMSUB does not count clients that only subscribe to patterns.
            guard client["sub"].flatMap({ Int($0) }) ?? 0 > 0 else { continue }
            if RedisConfiguration.isObserver(clientName: client["name"] ?? "") { observers += 1 } else { others += 1 }
        }
    }

    /// What is known about the subscribers of one channel.
    package enum Verdict: Sendable, Equatable {
        /// At least one is not an observer.
        case mayBeNodes
        /// All subscribers of the server are observers.
        case observersOnly
        /// The server has at least as many observers, which may be those of the channel.
        case unclear
    }

    /// - Parameter count: `PUBSUB NUMSUB` of the channel.
    package func verdict(on count: Int) -> Verdict {
        if others == 0, count <= observers { return .observersOnly }
        return count > observers ? .mayBeNodes : .unclear
    }

    /// Whether a channel with this many subscribers has all subscribers of the server.
    package func areAll(of count: Int) -> Bool { count == observers + others }
}

/// The state of the record directory.
package struct DirectoryReport: Sendable, Equatable {
    /// The record directory.
    package var path: String
    /// False if `run` would create it.
    package var exists: Bool
    /// Why recording is impossible there; nil if it is possible.
    package var problem: String?
    /// Free bytes on its file system; nil if unknown.
    package var freeBytes: UInt64?
    /// Throughput of writes with sync, in bytes per second; nil if not measured.
    package var bytesPerSecond: Double?

    /// Bytes written for the measurement, to an unnamed file that cannot be left behind.
    package static let probeBytes = 16 << 20
    /// Below this much free space it is not measured: the rest is for the capture.
    package static let probeNeedsFree: UInt64 = 1 << 30
    /// Written and synced at a time; the measurement can end between two pieces.
    private static let probePiece = 4 << 20
    /// The measurement ends with the piece that exceeds this time, in nanoseconds.
    private static let probeTime: UInt64 = 1_000_000_000

    /// Checks the directory, and measures the write speed: takes about 0.1 s on a common disk, 1 s on a slow one.
    ///
    /// - Parameter isOver: asked between two writes; true ends the measurement without a result.
    package static func examine(_ path: String, isOver: () -> Bool = { false }) -> DirectoryReport {
        var report = DirectoryReport(path: path, exists: access(path, F_OK) == 0)
        let folder = report.exists ? path : parent(of: path)
        var status = stat()
        if stat(folder, &status) != 0 {
            report.problem = "'\(folder)' cannot be examined: \(SystemReason.text(errno))"
        } else if status.st_mode & S_IFMT != S_IFDIR {
            report.problem = "'\(folder)' is not a directory"
        } else if access(folder, R_OK | W_OK | X_OK) != 0 {
            report.problem = "'\(folder)' cannot be written to: \(SystemReason.text(errno))"
        }
        if report.problem == nil, report.exists {
            report.problem = DirectoryClaim.objection(to: path).map(\.description)
        }
        guard report.problem == nil else { return report }
        report.freeBytes = CaptureDirectory.freeBytes(at: folder)
        if report.freeBytes ?? 0 >= probeNeedsFree { report.bytesPerSecond = writeSpeed(in: folder, isOver) }
        return report
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// nil if the file system does not support unnamed files.
    private static func writeSpeed(in folder: String, _ isOver: () -> Bool) -> Double? {
        let descriptor = clinux_open_nameless(folder)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // Not zeros, which some file systems do not store.
        var random = SystemRandomNumberGenerator()
        let block = (0..<(1 << 17)).map { _ in random.next() as UInt64 }
        let start = Moment.now().monotonic
        var written = 0
        var forced = 0
        var spent: UInt64 = 0
        while forced < probeBytes, spent < probeTime {
            while written < forced + probePiece {
                guard !isOver() else { return nil }
                let count = block.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { return nil }
                written += count
            }
            guard !isOver(), fdatasync(descriptor) == 0 else { return nil }
            forced = written
            spent = Moment.now().monotonic - start
        }
        return Double(forced) * 1e9 / Double(max(1, spent))
    }
}
