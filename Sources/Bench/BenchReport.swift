/// The measured capacity of a machine.
package struct BenchReport: Sendable, Encodable {
    /// One rate, held for a while.
    package struct Step: Sendable, Encodable {
        /// The rate to publish at, in envelopes per second.
        package internal(set) var asked: Int
        /// Envelopes per second that Redis has confirmed.
        package internal(set) var published: Double
        /// Envelopes.
        package internal(set) var envelopes: Int
        /// Of these, envelopes that reached the capture.
        package internal(set) var recorded: Int
        /// Not recorded: dropped by the relay, or never received.
        package internal(set) var lost: Int
        /// From the last envelope's publication until it was recorded.
        package internal(set) var behindSeconds: Double
        /// CPU time of the relay.
        package internal(set) var microsecondsPerEnvelope: Double
        /// CPU usage of the relay, in processors.
        package internal(set) var relayProcessors: Double
        /// From the publisher's clock to receipt: upper bound of the histogram bucket; nil beyond the last one.
        package internal(set) var latencyP50Seconds: Double?
        /// The same for 99 % of the envelopes.
        package internal(set) var latencyP99Seconds: Double?
        /// Growth of the segment files.
        package internal(set) var writtenBytesPerSecond: Double
        /// Payload bytes divided by written bytes, including framing and indexes.
        package internal(set) var compressionRatio: Double
        /// CPU usage of Redis, in processors; nil if unavailable.
        package internal(set) var redisProcessors: Double?
        /// Share of this machine's processors in use by all processes.
        package internal(set) var machineBusy: Double

        /// Everything was recorded promptly.
        package var keptUp: Bool { lost == 0 && recorded == envelopes && behindSeconds <= Self.soon }
        /// The publisher and Redis reached the requested rate.
        package var reached: Bool { published >= 0.95 * Double(asked) }

        /// A chunk may stay open for 200 ms; the rest is for reading the figures.
        static let soon = 1.0
    }

    /// The limiting factor.
    package enum Limit: String, Sendable, Encodable {
        /// Its single thread was busy.
        case redis
        /// All processors of this machine were busy, or the relay's threads fell behind.
        case processor
        case disk
        /// The publisher's single connection: the round trip to Redis is long.
        case connection
        /// None up to the highest rate.
        case none
    }

    /// One compression method at rising rates.
    package struct Climb: Sendable, Encodable {
        /// `none` or `zstd`.
        package internal(set) var compression: String
        /// In the order of their rates; the last one was too high, or the highest to try.
        package internal(set) var steps: [Step]
        /// What kept the last step from a higher rate.
        package internal(set) var limit: Limit

        /// The highest rate that was published and recorded without loss; 0 if none was.
        package var carried: Double { steps.filter(\.keptUp).map(\.published).max() ?? 0 }
        /// The most relevant step for a rate: the first that reached it, or the fastest that kept up.
        package func step(nearest rate: Double) -> Step? {
            let kept = steps.filter(\.keptUp)
            return kept.first { $0.published >= rate } ?? kept.max { $0.published < $1.published }
        }
    }

    /// `host:port`, without secrets.
    package internal(set) var redis: String
    /// nil if unavailable.
    package internal(set) var redisVersion: String?
    /// Whether it was started by the bench on this machine.
    package internal(set) var redisIsOurs: Bool
    /// From a command to Redis to its reply, without other work.
    package internal(set) var roundTripSeconds: Double
    /// Of this machine.
    package internal(set) var processors: Int
    /// Size of each envelope, including its id.
    package internal(set) var payloadBytes: Int
    /// How long each rate was held.
    package internal(set) var secondsPerRate: Double
    /// The directory of the captures, which were removed at the end.
    package internal(set) var directory: String
    /// Throughput of writes with sync, without other work; nil if it could not be measured.
    package internal(set) var diskBytesPerSecond: Double?
    /// Free space there before the bench; nil if unknown.
    package internal(set) var freeDiskBytes: UInt64?
    /// Payload bytes per second on one processor, at level 1.
    package internal(set) var zstdBytesPerSecond: Double
    /// Uncompressed divided by compressed bytes of chunks.
    package internal(set) var zstdRatio: Double
    /// One per compression method: `none` first, then `zstd`.
    package internal(set) var climbs: [Climb]
}
