import Backplane
import Logging
import Prometheus

/// The events of the backplane for a node, in order.
enum BusEvent: Sendable {
    /// All channels are subscribed, and publishing works.
    case opened
    /// The counter after `opened`, or on request: everything published after it is received. 0 if there is no counter
    /// yet, nil if it cannot be read.
    case counter(UInt64?, wasAsked: Bool)
    /// Receiving or publishing does not work until the next `opened`.
    case closed(reason: String)
    case envelope(Envelope)
    /// End of one read from Redis.
    case readComplete
    /// A payload that is not an envelope.
    case undecodable(EnvelopeError)
    /// An envelope above the limit was skipped; its id, if its first bytes contain one.
    case oversized(id: UInt64?, bytes: Int)
    /// Ids that were missed, both included.
    case missed(from: UInt64, to: UInt64)
    /// The counter was set back: the following ids are lower than the previous ones.
    case counterReset(from: UInt64, to: UInt64)
}

/// Reports backplane events to the metrics, the log and the observer.
struct BusReport {
    private let metrics: HubMetrics
    private let envelopeLimit: Int
    private let observer: (any HubNodeObserver)?
    private let logger: Logger
    /// Why the backplane is not available; nil if it is.
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
