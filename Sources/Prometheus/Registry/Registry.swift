import Synchronization

/// All metrics of a process, and their exposition.
///
/// Metrics are registered once, at the start; an invalid or duplicate name or label is a programming error and traps.
/// Metrics are exposed in order of registration, the children of a family sorted by label values. A family without
/// children is exposed as its metadata.
package final class Registry: Sendable {
    private struct State {
        var registrations: [Registration] = []
        var names: Set<String> = []
        var refreshers: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// A registry without metrics.
    package init() {}

    // MARK: Counters

    /// - Parameters:
    ///   - name: ends in `_total`, after the base unit if there is one: `backplane_relay_written_bytes_total`.
    ///   - help: what it counts, one sentence.
    package func counter(_ name: String, help: String) -> Counter {
        counterFamily(name, help: help, labels: []).with()
    }

    /// A counter maintained elsewhere, such as the CPU time kept by the kernel.
    ///
    /// - Parameter reading: returns the total, at each exposition. It must not decrease or block.
    package func counter(_ name: String, help: String, reading: @escaping @Sendable () -> Double) {
        register(name, .counter, help: help, labels: [], source: .reading(reading))
    }

    /// - Parameters:
    ///   - labels: names of the labels, in the order of the values of ``Family/with(_:)``.
    ///   - limit: maximum number of children; nil if the label values are known in advance.
    package func counterFamily(
        _ name: String, help: String, labels: [String], limit: ChildLimit? = nil
    ) -> Family<Counter> {
        let family = Family(labels: labels, limit: limit) { Counter() }
        register(name, .counter, help: help, labels: labels, source: .counters(family))
        return family
    }

    // MARK: Gauges

    /// - Parameters:
    ///   - name: ends in the base unit if there is one: `backplane_relay_intake_bytes`.
    ///   - help: what it measures, one sentence.
    package func gauge(_ name: String, help: String) -> Gauge {
        gaugeFamily(name, help: help, labels: []).with()
    }

    /// Also for constants: one child, set to 1, with the constants as label values.
    ///
    /// - Parameters:
    ///   - labels: names of the labels, in the order of the values of ``Family/with(_:)``.
    ///   - limit: maximum number of children; nil if the label values are known in advance.
    package func gaugeFamily(
        _ name: String, help: String, labels: [String], limit: ChildLimit? = nil
    ) -> Family<Gauge> {
        let family = Family(labels: labels, limit: limit) { Gauge() }
        register(name, .gauge, help: help, labels: labels, source: .gauges(family))
        return family
    }

    // MARK: Histograms

    /// - Parameters:
    ///   - name: ends in the base unit of what is observed: `signalr_backplane_delivery_latency_seconds`.
    ///   - help: what it observes, one sentence.
    ///   - buckets: the upper bounds, as in ``Histogram/init(upperBounds:)``.
    package func histogram(_ name: String, help: String, buckets: [Double]) -> Histogram {
        histogramFamily(name, help: help, labels: [], buckets: buckets).with()
    }

    /// - Parameters:
    ///   - labels: names of the labels, in the order of the values of ``Family/with(_:)``; not `le`.
    ///   - buckets: the upper bounds of every child, as in ``Histogram/init(upperBounds:)``.
    ///   - limit: maximum number of children; nil if the label values are known in advance.
    package func histogramFamily(
        _ name: String, help: String, labels: [String], buckets: [Double], limit: ChildLimit? = nil
    ) -> Family<Histogram> {
        let bounds = BucketBounds(buckets)
        let family = Family(labels: labels, limit: limit) { Histogram(bounds: bounds) }
        register(name, .histogram, help: help, labels: labels, source: .histograms(family))
        return family
    }

    // MARK: Exposition

    /// Calls `body` at the start of every exposition, on the scraping thread, to update gauges that are not maintained
    /// otherwise. Two scrapes may call it concurrently; it must not block.
    package func onScrape(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.refreshers.append(body) }
    }

    /// Everything registered, as the body of a response to a scrape, piece by piece.
    package func exposition(_ format: ExpositionFormat) -> Exposition {
        // Neither runs under the lock: refreshers may register metrics, and a scrape must not delay registration.
        for refresh in state.withLock({ $0.refreshers }) {
            refresh()
        }
        return Exposition(state.withLock { $0.registrations }, format)
    }

    /// The same in one piece, for a process with few series. UTF-8.
    package func expose(_ format: ExpositionFormat) -> [UInt8] {
        exposition(format).reduce(into: []) { $0 += $1 }
    }

    private func register(
        _ name: String, _ kind: MetricKind, help: String, labels: [String], source: Registration.Source
    ) {
        let checked = MetricName(name, kind: kind)
        precondition(!help.isEmpty, "'\(name)' needs a help text")
        checkLabels(labels, of: kind)
        state.withLock { state in
            for reserved in checked.reservedNames {
                precondition(state.names.insert(reserved).inserted, "'\(name)': the name '\(reserved)' is taken")
            }
            state.registrations.append(Registration(name: checked, help: help, source: source))
        }
    }
}

/// Traps unless these are valid labels for a metric of this kind.
private func checkLabels(_ labels: [String], of kind: MetricKind) {
    for label in labels {
        precondition(MetricName.isIdentifier(label) && !label.hasPrefix("__"), "'\(label)' is not the name of a label")
        precondition(kind != .histogram || label != "le", "the label 'le' of a histogram is its own")
    }
    precondition(Set(labels).count == labels.count, "a label comes twice: \(labels)")
}
