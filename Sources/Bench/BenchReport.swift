/// What a machine carries.
package struct BenchReport: Sendable, Encodable {
    /// One rate, held for a while.
    package struct Step: Sendable, Encodable {
        /// Envelopes a second.
        package internal(set) var asked: Int
        package internal(set) var published: Double
        /// Envelopes.
        package internal(set) var envelopes: Int
        package internal(set) var recorded: Int
        /// Not recorded: dropped by the relay, or never received.
        package internal(set) var lost: Int
        /// From the last envelope's publication until it was recorded.
        package internal(set) var behindSeconds: Double
        /// Processor time of the relay.
        package internal(set) var microsecondsPerEnvelope: Double
        /// Processors' worth of the relay.
        package internal(set) var relayProcessors: Double
        /// From the publisher's clock to receipt: at most this, as far as the histogram tells; nil beyond its end.
        package internal(set) var latencyP50Seconds: Double?
        package internal(set) var latencyP99Seconds: Double?
        /// By which the segment grew.
        package internal(set) var writtenBytesPerSecond: Double
        /// Payload bytes by bytes written, framing and indexes included.
        package internal(set) var compressionRatio: Double
        /// Processors' worth of Redis; nil if it does not tell.
        package internal(set) var redisProcessors: Double?
        /// Share of this machine's processors that was in use, by whomever.
        package internal(set) var machineBusy: Double

        /// Everything was recorded, and soon.
        package var keptUp: Bool { lost == 0 && recorded == envelopes && behindSeconds <= Self.soon }
        /// The publisher and Redis reached the rate that was asked for.
        package var reached: Bool { published >= 0.95 * Double(asked) }

        /// A chunk may stay open for 200 ms; the rest is for the reading of the figures.
        static let soon = 1.0
    }

    /// What stood in the way of more.
    package enum Limit: String, Sendable, Encodable {
        /// Its one thread was busy.
        case redis
        /// All processors of this machine were busy, or the relay's threads fell behind.
        case processor
        case disk
        /// The publisher's one connection; the way to Redis is long.
        case connection
        /// None was found up to the highest rate.
        case none
    }

    /// One compression, over rising rates.
    package struct Climb: Sendable, Encodable {
        /// `none` or `zstd`.
        package internal(set) var compression: String
        package internal(set) var steps: [Step]
        package internal(set) var limit: Limit

        /// The highest rate that was published and recorded without loss; 0 if none was.
        package var carried: Double { steps.filter(\.keptUp).map(\.published).max() ?? 0 }
        /// The step that says most of a rate: the first that reached it, or the fastest that kept up.
        package func step(nearest rate: Double) -> Step? {
            let kept = steps.filter(\.keptUp)
            return kept.first { $0.published >= rate } ?? kept.max { $0.published < $1.published }
        }
    }

    /// `host:port`, without secrets.
    package internal(set) var redis: String
    /// nil if it does not tell.
    package internal(set) var redisVersion: String?
    /// Whether it was started for this, on this machine.
    package internal(set) var redisIsOurs: Bool
    package internal(set) var roundTripSeconds: Double
    package internal(set) var processors: Int
    package internal(set) var payloadBytes: Int
    package internal(set) var secondsPerRate: Double
    package internal(set) var directory: String
    /// Written and forced, without anything else; nil if it could not be measured.
    package internal(set) var diskBytesPerSecond: Double?
    package internal(set) var freeDiskBytes: UInt64?
    /// Payload bytes a second on one processor, at level 1.
    package internal(set) var zstdBytesPerSecond: Double
    /// Bytes by compressed bytes, chunks by themselves.
    package internal(set) var zstdRatio: Double
    package internal(set) var climbs: [Climb]
}
