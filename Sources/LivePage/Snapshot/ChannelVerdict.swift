/// The state of a channel, first on its line.
struct ChannelVerdict: Sendable, Equatable {
    /// Severity: determines colour and shape.
    enum Level: String, Sendable {
        case good, idle, warning, bad
    }

    enum Kind: String, Sendable, CaseIterable {
        case healthy
        /// Subscribed, but no envelopes arrive.
        case quiet
        case subscribing
        /// The connection to Redis is lost.
        case redisDown = "redis_down"
        /// The server subscribed to is a replica, although it was a master.
        case demoted
        /// The replica subscribed to does not receive from its master.
        case linkDown = "link_down"
        /// Ids went missing recently.
        case gap
        /// Several counters publish in turn.
        case interleaved
        /// The counter was set back recently.
        case reset
        /// Only this relay is subscribed to the hub.
        case noNodes = "no_nodes"
        /// The relay has left the hub, which has had no nodes for long.
        case notWatched = "not_watched"
        /// Payloads on the hub's channels are not envelopes of ASP.NET Core.
        case undecodable
        /// Envelopes lack a hub protocol that others of the hub have.
        case protocolMissing = "protocol_missing"
        /// Group commands got no ack.
        case acksMissing = "acks_missing"
        /// A subscriber reads too slowly, or not at all.
        case slowSubscriber = "slow_subscriber"
        /// Envelopes are received but not recorded, because memory is full.
        case dropping
        /// Disk space is low.
        case paused
        /// The capture cannot be written.
        case notRecording = "not_recording"
        /// The recorder's loop does not run.
        case hanging

        /// The initial level; some states get worse with time.
        var level: Level {
            switch self {
            case .healthy: .good
            case .quiet, .notWatched: .idle
            case .subscribing, .reset, .slowSubscriber, .noNodes, .undecodable, .acksMissing: .warning
            case .redisDown, .demoted, .linkDown, .gap, .interleaved, .dropping, .paused, .notRecording, .hanging,
                .protocolMissing:
                .bad
            }
        }
    }

    var kind: Kind
    var level: Level
    var sentence: Sentence
}

/// One line of text. Times are separate, because only the browser knows the time zone.
struct Sentence: Sendable, Equatable {
    /// With `{0}`, `{1}` as placeholders for times.
    private(set) var text = ""
    /// Nanoseconds since 1970.
    private(set) var times: [UInt64] = []

    /// `{}` is the placeholder for each time.
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
