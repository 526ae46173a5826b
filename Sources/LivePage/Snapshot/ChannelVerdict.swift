/// How a channel is: what the page says of it first.
struct ChannelVerdict: Sendable, Equatable {
    /// How much it matters: decides colour and shape.
    enum Level: String, Sendable {
        case good, idle, warning, bad
    }

    enum Kind: String, Sendable, CaseIterable {
        case healthy
        /// Subscribed, and nothing comes.
        case quiet
        case subscribing
        /// The connection to Redis is gone.
        case redisDown = "redis_down"
        /// The server that is subscribed to is a replica.
        case demoted
        /// Ids went missing a moment ago.
        case gap
        /// Several counters publish in turn.
        case interleaved
        /// The counter was set back a moment ago.
        case reset
        /// Nobody but this relay is subscribed to the hub.
        case noNodes = "no_nodes"
        /// Payloads came that are no envelopes of ASP.NET Core.
        case undecodable
        /// Envelopes lack a hub protocol that others of the hub carry.
        case protocolMissing = "protocol_missing"
        /// Group commands had no ack.
        case acksMissing = "acks_missing"
        /// A subscriber does not read what Redis has for it.
        case slowSubscriber = "slow_subscriber"
        /// Received, and not recorded, for want of memory.
        case dropping
        /// The disk is low.
        case paused
        /// The capture cannot be written.
        case notRecording = "not_recording"
        /// The recorder's thread does not go round.
        case hanging

        /// What it is at first; some get worse with time.
        var level: Level {
            switch self {
            case .healthy: .good
            case .quiet: .idle
            case .subscribing, .reset, .slowSubscriber, .noNodes, .undecodable, .acksMissing: .warning
            case .redisDown, .demoted, .gap, .interleaved, .dropping, .paused, .notRecording, .hanging,
                .protocolMissing:
                .bad
            }
        }
    }

    var kind: Kind
    var level: Level
    var sentence: Sentence
}

/// One line for people. Times stand apart, since only the reader's browser knows the time zone.
struct Sentence: Sendable, Equatable {
    /// With `{0}`, `{1}` where the times belong.
    private(set) var text = ""
    /// Nanoseconds since 1970.
    private(set) var times: [UInt64] = []

    /// Takes `{}` for each time.
    mutating func add(_ words: String, _ times: UInt64...) {
        var rest = words[...]
        for time in times {
            guard let place = rest.firstRange(of: "{}") else { break }
            text += rest[..<place.lowerBound] + "{\(self.times.count)}"
            self.times.append(time)
            rest = rest[place.upperBound...]
        }
        text += rest
    }
}
