import Backplane
import Logging
import Prometheus

/// What a node hears from the backplane, in the order in which it happened.
enum BusEvent: Sendable {
    /// All channels are heard, and publishing works.
    case opened
    /// What the counter was at after `opened`, or when somebody asked: what is published behind it is heard. 0 if there is no
    /// counter yet, nil where it cannot be read.
    case counter(UInt64?, wasAsked: Bool)
    /// Nothing is heard or nothing can be published, until the next `opened`.
    case closed(reason: String)
    case envelope(Envelope)
    /// Of what came with one read from Redis, this was all.
    case readComplete
    /// A payload that is none of ours.
    case undecodable(EnvelopeError)
    /// An envelope that is larger than the limit and was passed over; its id, if its first bytes told one.
    case oversized(id: UInt64?, bytes: Int)
    /// Ids that were never heard, both included.
    case missed(from: UInt64, to: UInt64)
    /// The counter was set back: what follows has lower ids than what came before.
    case counterReset(from: UInt64, to: UInt64)
}

/// Tells the metrics, the log and the observer what is heard of the backplane.
struct BusReport {
    private let metrics: HubMetrics
    private let envelopeLimit: Int
    private let observer: (any HubNodeObserver)?
    private let logger: Logger
    /// Why nothing is heard at the moment; nil while all is well.
    private(set) var outage: String? = "not connected to Redis yet"

    /// - Parameter envelopeLimit: in bytes.
    init(metrics: HubMetrics, envelopeLimit: Int, observer: (any HubNodeObserver)?, logger: Logger) {
        self.envelopeLimit = envelopeLimit
        self.metrics = metrics
        self.observer = observer
        self.logger = logger
    }

    mutating func note(_ event: BusEvent) {
        switch event {
        case .opened:
            outage = nil
            metrics.up.set(1)
            observer?.opened()
        case .closed(let reason):
            outage = reason
            metrics.up.set(0)
            observer?.closed(reason: reason)
        case .undecodable(let error):
            metrics.undecodable.increment()
            logger.warning("an envelope does not decode", metadata: ["cause": "\(error)"])
        case .oversized(let id, let bytes):
            metrics.oversizedEnvelopes.increment()
            logger.error(
                "an envelope is larger than this node accepts and was dropped: its clients missed it",
                metadata: [
                    "id": "\(id.map { "\($0)" } ?? "unknown")", "bytes": "\(bytes)", "limit": "\(envelopeLimit)",
                ])
            if let id { observer?.missed(from: id, to: id) }
        case .missed(let from, let to):
            metrics.missedIDs.increment(by: Int(clamping: to - from + 1))
            logger.warning("envelopes were missed", metadata: ["from": "\(from)", "to": "\(to)"])
            observer?.missed(from: from, to: to)
        case .counterReset(let from, let to):
            metrics.countCounterReset()
            logger.error("the counter was set back", metadata: ["from": "\(from)", "to": "\(to)"])
            observer?.counterReset(from: from, to: to)
        case .counter, .envelope, .readComplete: break
        }
    }
}
