import Backplane
import Logging
import Preflight

/// Logs hubs that come while the relay runs and are close to others, each pair once: during a rolling upgrade of .NET
/// the new nodes of a generic hub are such.
struct NeighbourLog {
    /// Sentences that are remembered; beyond it none is logged.
    private static let most = 100

    private let neighbours: HubNeighbours
    private let logger: Logger
    private var told: Set<String> = []
    private var last: [CoreHub]?

    init(_ attachment: CoreAttachment, _ logger: Logger) {
        neighbours = HubNeighbours(prefix: attachment.prefix, connections: attachment.includesConnections)
        self.logger = logger
    }

    mutating func look(_ watched: [CoreHub], others: [CoreHub]) {
        guard watched + others != last else { return }
        // The pre-flight has reported these at the start.
        let isFirst = last == nil
        last = watched + others
        for sentence in neighbours.strangers(watched: watched, others: others) { tell(sentence, isKnown: isFirst) }
        for sentence in neighbours.covered(watched: watched, others: others) { tell(sentence, isKnown: isFirst) }
    }

    private mutating func tell(_ sentence: String, isKnown: Bool) {
        guard told.count < Self.most, told.insert(sentence).inserted, !isKnown else { return }
        logger.warning("\(sentence)")
    }
}
