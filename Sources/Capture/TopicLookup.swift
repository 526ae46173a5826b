import Backplane
import MCAP

/// How to handle a channel of a chunk; cached because consecutive messages are mostly of one channel.
struct TopicLookup {
    enum Topic {
        case envelopes(String, EnvelopeForm)
        case events
        /// Of another program.
        case foreign(String)
        /// A channel that is not selected.
        case unwanted
    }

    private let channels: [UInt16: Channel]
    private let matcher: EnvelopeMatcher
    private var last: (id: UInt16, topic: Topic)?

    init(_ channels: [UInt16: Channel], _ matcher: EnvelopeMatcher) {
        self.channels = channels
        self.matcher = matcher
    }

    mutating func topic(of id: UInt16) -> Topic {
        if let last, last.id == id { return last.topic }
        let topic: Topic =
            switch channels[id].map({ ($0, $0.form) }) {
            case (let channel, let form?)?:
                matcher.selects(channel: channel.topic) ? .envelopes(channel.topic, form) : .unwanted
            case (let channel, nil)? where channel.topic == CaptureMetadata.eventsTopic: .events
            case (let channel, nil)?: .foreign(channel.topic)
            case nil: .unwanted
            }
        last = (id, topic)
        return topic
    }
}
