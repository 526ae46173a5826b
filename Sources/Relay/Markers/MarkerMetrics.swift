import Prometheus

/// Metrics of the markers; registered only for a relay that publishes them. A series exists from the first comparison
/// on: without the permissions there is none.
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
                "PUBLISHes that the server executed, into any channel, without the markers themselves; counted by the server (INFO commandstats), from marker to marker.",
            labels: [])
        received = registry.counterFamily(
            "backplane_relay_marker_received_total",
            help: "Envelopes that the subscription received between the same markers.", labels: [])
        unseen = registry.counterFamily(
            "backplane_relay_marker_unseen_total",
            help:
                "PUBLISHes that the server executed and the subscription did not show: into channels that are not watched, or missing. An upper bound of what is missing; exact if nothing else publishes on this server, which shows in it staying at 0.",
            labels: [])
        interrupted = registry.counterFamily(
            "backplane_relay_marker_interruptions_total",
            help: "Intervals between markers in which the subscription was interrupted, or a marker did not arrive.",
            labels: [])
        missing = registry.counterFamily(
            "backplane_relay_marker_missing_at_most_total",
            help:
                "Envelopes missed in such intervals, at most: the unseen PUBLISHes of them, those into channels that are not watched included.",
            labels: [])
        voids = registry.counterFamily(
            "backplane_relay_marker_voids_total",
            help:
                "Intervals between markers without figures: the server's counts were reset (CONFIG RESETSTAT), or it is another server (restart, failover).",
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
