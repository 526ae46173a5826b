import Backplane
package import Prometheus

/// Metrics specific to the wire of SignalR 2: ids, and the publisher's clock.
package struct SignalR2Metrics: Sendable {
    private let channel: String
    /// In seconds, from the publisher's clock to receipt here; includes the difference of the clocks.
    package let deliveryLatency: Histogram
    let clockSkew: Counter
    let gaps: Counter
    /// Ids skipped in this run, summed over all gaps.
    package let missingIDs: Counter
    /// Ids received twice in a row in this run.
    package let duplicateIDs: Counter
    /// How often ids went back in this run.
    package let counterResets: Counter
    private let formerCounterResets: Counter
    let idsInDoubt: Counter
    /// Id of the last envelope; 0 before the first, rounded above 2^53.
    package let lastID: Gauge
    /// How often ids continued another counter in this run.
    package let interleavedIDs: Counter
    private let latencyFloor: Family<Gauge>

    struct Families {
        let lastID, latencyFloor: Family<Gauge>
        let clockSkew, gaps, missingIDs, duplicateIDs, counterResets, formerCounterResets, idsInDoubt,
            interleavedIDs: Family<Counter>
        let deliveryLatency: Family<Histogram>

        init(_ registry: Registry) {
            let prefix = "signalr_backplane_"
            let channel = ChannelMetrics.labels
            deliveryLatency = registry.histogramFamily(
                prefix + "delivery_latency_seconds",
                help:
                    "Time from the publisher's clock to receipt here, including the clock difference; compare with the floor.",
                labels: channel,
                buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10])
            clockSkew = registry.counterFamily(
                prefix + "clock_skew_total",
                help: "Envelopes that seem to arrive before they were created: check the clocks of nodes and relay.",
                labels: channel)
            gaps = registry.counterFamily(
                prefix + "gaps_total", help: "Times ids were skipped: envelopes this subscriber never received.",
                labels: channel)
            missingIDs = registry.counterFamily(
                prefix + "missing_ids_total", help: "Ids skipped, summed over all gaps.", labels: channel)
            duplicateIDs = registry.counterFamily(
                prefix + "duplicate_ids_total",
                help: "Ids seen twice in a row; real nodes then deliver some messages endlessly.", labels: channel)
            counterResets = registry.counterFamily(
                prefix + "counter_resets_total",
                help:
                    "Times ids went back (Redis restart, failover, flush); clients may miss messages until ids catch up.",
                labels: channel)
            formerCounterResets = registry.counterFamily(
                prefix + "id_resets_total",
                help: "Deprecated, and gone in the next version: read signalr_backplane_counter_resets_total.",
                labels: channel)
            idsInDoubt = registry.counterFamily(
                prefix + "ids_in_doubt_total",
                help:
                    "Times it was impossible to tell whether ids are missing, because the counter could not be read: see the log.",
                labels: channel)
            lastID = registry.gaugeFamily(prefix + "last_id", help: "Id of the last envelope.", labels: channel)
            latencyFloor = registry.gaugeFamily(
                prefix + "delivery_latency_floor_seconds",
                help:
                    "Lowest latency of the last 5 minutes: what clocks and network add to every latency. Below 0 the publisher's clock is ahead.",
                labels: channel)
            interleavedIDs = registry.counterFamily(
                prefix + "interleaved_ids_total",
                help:
                    "Times ids jumped back to another counter: two applications share the event key; give each its own.",
                labels: channel)
        }
    }

    init(_ families: Families, channel: String) {
        self.channel = channel
        let backplane = Dialect.signalR2.label
        deliveryLatency = families.deliveryLatency.with(channel, backplane)
        clockSkew = families.clockSkew.with(channel, backplane)
        gaps = families.gaps.with(channel, backplane)
        missingIDs = families.missingIDs.with(channel, backplane)
        duplicateIDs = families.duplicateIDs.with(channel, backplane)
        counterResets = families.counterResets.with(channel, backplane)
        formerCounterResets = families.formerCounterResets.with(channel, backplane)
        idsInDoubt = families.idsInDoubt.with(channel, backplane)
        lastID = families.lastID.with(channel, backplane)
        interleavedIDs = families.interleavedIDs.with(channel, backplane)
        latencyFloor = families.latencyFloor
    }

    func countCounterReset() {
        counterResets.increment()
        formerCounterResets.increment()
    }

    /// - Parameter seconds: nil, for no series, if no recent envelope has a time.
    func setLatencyFloor(_ seconds: Double?) {
        let backplane = Dialect.signalR2.label
        if let seconds {
            latencyFloor.with(channel, backplane).set(seconds)
        } else {
            latencyFloor.remove(channel, backplane)
        }
    }
}
