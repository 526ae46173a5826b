import Backplane

/// What recordings beside each other said of ids that they miss: the cause of what all of them lack. Bounded.
struct HoleReports {
    private static let limit = 1_000

    private var reports: [(event: CaptureEvent, at: UInt64)] = []

    /// - Parameter time: nanoseconds since 1970.
    mutating func add(_ event: CaptureEvent, at time: UInt64) {
        reports.append((event, time))
        if reports.count > Self.limit { reports.removeFirst() }
    }

    /// The event for ids that none of the recordings has, and what was said of having lost them.
    mutating func gap(_ missing: ClosedRange<UInt64>, channel: String) -> (event: CaptureEvent, losses: [CaptureEvent])
    {
        // What is behind us explains nothing any more.
        reports.removeAll {
            $0.event.channel?.isSameOrdinally(as: channel) == true && $0.event.to ?? 0 < missing.lowerBound
        }
        let relevant = reports.map(\.event).filter { report in
            guard report.channel?.isSameOrdinally(as: channel) == true, let from = report.from, let to = report.to
            else { return false }
            return from <= missing.upperBound && to >= missing.lowerBound
        }
        var event = CaptureEvent.gap(
            channel: channel, from: missing.lowerBound, to: missing.upperBound, cause: .unknown)
        if let cause = relevant.first?.cause ?? relevant.first?.reason { event.cause = cause }
        return (event, relevant.filter(\.isLoss))
    }

    /// What was said of ids that no envelope was as high as.
    ///
    /// - Parameter lastIDs: the highest ids by channel.
    func beyond(_ lastIDs: OrdinalNameMap<UInt64>) -> [(event: CaptureEvent, at: UInt64)] {
        reports.filter { report, _ in
            guard let channel = report.channel, let to = report.to else { return false }
            return lastIDs[channel].map { to > $0 } ?? true
        }
    }
}
