import Backplane

/// Reports of parallel recordings about ids they lack: the cause of ids missing in all of them. Bounded.
struct HoleReports {
    private static let limit = 1_000

    private var reports: [(event: CaptureEvent, at: UInt64)] = []

    /// - Parameter time: nanoseconds since 1970.
    mutating func add(_ event: CaptureEvent, at time: UInt64) {
        reports.append((event, time))
        if reports.count > Self.limit { reports.removeFirst() }
    }

    /// The event for ids that no recording has, and the reports of their loss.
    mutating func gap(_ missing: ClosedRange<UInt64>, channel: String) -> (event: CaptureEvent, losses: [CaptureEvent])
    {
        // Reports about earlier ids are no longer needed.
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

    /// Reports about ids above every envelope.
    ///
    /// - Parameter lastIDs: the highest ids by channel.
    func beyond(_ lastIDs: OrdinalNameMap<UInt64>) -> [(event: CaptureEvent, at: UInt64)] {
        reports.filter { report, _ in
            guard let channel = report.channel, let to = report.to else { return false }
            return lastIDs[channel].map { to > $0 } ?? true
        }
    }
}
