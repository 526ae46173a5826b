import Logging
import Prometheus

/// Clients that come back for what they missed, of which this node may not hold all.
extension MessageBroker {
    func judge(_ cursor: UInt64) {
        switch resumes.verdict(of: cursor, oldestStored: store.oldestID) {
        case .complete: break
        case .incomplete: countIncomplete(cursor)
        case .unknown:
            resumes.wait(cursor)
            guard !isCounterAsked else { return }
            isCounterAsked = true
            let bus = bus
            Task { await bus.askForCounter() }
        }
    }

    func settleResumes(counter: UInt64?) {
        isCounterAsked = false
        for cursor in resumes.settle(counter: counter, oldestStored: store.oldestID) { countIncomplete(cursor) }
    }

    private func countIncomplete(_ cursor: UInt64) {
        metrics.incompleteResumes.increment()
        resumeReport.add(cursor)
    }

    func log(_ line: ResumeReport.Line) {
        logger.warning(
            "clients came back for envelopes that this node does not hold: they may have missed messages",
            metadata: [
                "clients": "\(line.clients)", "lowest_cursor": "\(line.lowestCursor)",
                "highest_cursor": "\(line.highestCursor)", "held_after": "\(resumes.heldAfter.map(String.init) ?? "-")",
            ])
    }
}
