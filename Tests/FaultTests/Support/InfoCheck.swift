import TestSupport

/// Whether `info --json` says of a capture what its envelopes and events say.
enum InfoCheck {
    /// - Returns: contradictions, in words.
    static func problems(_ info: CaptureInfo, channel: String, timeline: [TimelineItem], account: Account) -> [String] {
        guard let said = info.channels.first(where: { $0.channel == channel }) else {
            return account.recorded == 0 ? [] : ["info does not know the channel"]
        }
        // What was recorded and is gone is damage, too.
        let isLost = timeline.contains { if case .event(let event) = $0 { event.event == "lost" } else { false } }
        var problems = isLost ? [] : info.damage.map { "info: damage: \($0)" }
        // Whatever else: never complete where envelopes were lost.
        if info.complete == true, account.missingTotal + account.unaccounted + account.beyondKnowledge > 0 {
            problems.append("info: complete, and \(account.missingTotal) are missing")
        }
        if said.envelopes != account.recorded {
            problems.append("info: \(said.envelopes) envelopes, recorded \(account.recorded)")
        }
        if said.missingIds != UInt64(account.reportedMissing) {
            problems.append("info: \(said.missingIds) missing ids, the events report \(account.reportedMissing)")
        }
        let sum = said.holes.reduce(0) { $0 + ($1.to - $1.from + 1) }
        if sum != said.missingIds { problems.append("info: \(said.missingIds) missing ids, its holes hold \(sum)") }
        let causes = reportedCauses(timeline)
        for hole in said.holes {
            let isExplained = causes.contains { $0.ids.overlaps(hole.from...hole.to) && $0.cause == hole.cause }
            if isExplained { continue }
            problems.append("info: hole \(hole.from)..\(hole.to) because of \(hole.cause), which no event says")
        }
        let resets = timeline.count { if case .event(let event) = $0 { event.event == "counter_reset" } else { false } }
        if said.counterResets.count != resets {
            problems.append("info: \(said.counterResets.count) counter resets, the events say \(resets)")
        }
        return problems
    }

    private static func reportedCauses(_ timeline: [TimelineItem]) -> [(ids: ClosedRange<UInt64>, cause: String)] {
        timeline.compactMap { item in
            guard case .event(let event) = item, let from = event.from, let to = event.to,
                let cause = event.cause ?? event.reason
            else { return nil }
            return (from...to, cause)
        }
    }
}
