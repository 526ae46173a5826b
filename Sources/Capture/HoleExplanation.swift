/// Assigns causes to a hole; a hole with several causes is split.
enum HoleExplanation {
    /// - Parameters:
    ///   - hole: its cause is ignored.
    ///   - causes: events of the channel that name missing ids, in the order of the recording.
    static func parts(of hole: CaptureSummary.Hole, explainedBy causes: [CaptureEvent]) -> [CaptureSummary.Hole] {
        let relevant = causes.filter { event in
            guard let from = event.from, let to = event.to else { return false }
            return from <= hole.to && to >= hole.from
        }
        var parts: [CaptureSummary.Hole] = []
        var next = hole.from
        while true {
            var end = hole.to
            var cause = GapCause.unknown.rawValue
            if let event = relevant.first(where: { $0.covers(next) }) {
                cause = event.cause ?? event.reason ?? cause
                end = min(end, event.to ?? end)
            } else if let from = relevant.compactMap(\.from).filter({ $0 > next }).min() {
                end = min(end, from - 1)
            }
            if let last = parts.last, last.cause == cause {
                parts[parts.count - 1].to = end
            } else {
                parts.append(CaptureSummary.Hole(from: next, to: end, cause: cause))
            }
            guard end < hole.to else { return parts }
            next = end + 1
        }
    }
}

extension CaptureEvent {
    fileprivate func covers(_ id: UInt64) -> Bool {
        guard let from, let to else { return false }
        return from <= id && id <= to
    }
}
