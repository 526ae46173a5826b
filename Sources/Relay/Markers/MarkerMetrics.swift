import Prometheus

/// Metrics of the markers; registered only for a relay that publishes them. The series exist once the first marker was
/// answered and seen: without the permissions there are none.
struct MarkerMetrics: Sendable {
    private let published: Family<Counter>
    private let received: Family<Counter>
    private let unseen: Family<Counter>
    private let interrupted: Family<Counter>
    private let missing: Family<Counter>
    private let voids: Family<Counter>

    init(_ registry: Registry) {
        published = registry.counterFamily(
            "backplane_relay_marker_published_total",
            help:
                "PUBLISH commands that the server executed, on any channel, without the markers themselves; counted by the server (INFO commandstats), from marker to marker.",
            labels: [])
        received = registry.counterFamily(
            "backplane_relay_marker_received_total",
            help: "Envelopes that the subscription received between the same markers.", labels: [])
        unseen = registry.counterFamily(
            "backplane_relay_marker_unseen_total",
            help:
                "PUBLISH commands that the server executed and the relay did not receive: on channels that are not watched, or missing. An upper bound of what is missing. If it rises only with interruptions, nothing else publishes on this server, and the number is exact.",
            labels: [])
        interrupted = registry.counterFamily(
            "backplane_relay_marker_interruptions_total",
            help: "Intervals between markers in which the subscription was interrupted, or a marker did not arrive.",
            labels: [])
        missing = registry.counterFamily(
            "backplane_relay_marker_missing_at_most_total",
            help:
                "Upper bound of the envelopes missed in intervals with an interruption: their unseen PUBLISH commands, including those on channels that are not watched.",
            labels: [])
        voids = registry.counterFamily(
            "backplane_relay_marker_voids_total",
            help:
                "Intervals between markers without a number: the server's counts were reset (CONFIG RESETSTAT), or the server changed (restart, failover).",
            labels: ["reason"])
    }

    func count(_ interval: MarkerAccount.Interval) {
        began()
        published.with().increment(by: interval.published)
        received.with().increment(by: interval.received)
        unseen.with().increment(by: interval.unseen)
        guard interval.isInterrupted else { return }
        interrupted.with().increment()
        missing.with().increment(by: interval.unseen)
    }

    func void(_ reason: MarkerAccount.VoidReason) {
        began()
        voids.with(reason.rawValue).increment()
    }

    /// The first marker was answered and seen.
    func began() {
        for family in [published, received, unseen, interrupted, missing] { _ = family.with() }
        for reason in MarkerAccount.VoidReason.allCases { _ = voids.with(reason.rawValue) }
    }
}
