import Synchronization

/// Metrics of one name that differ in label values: its children.
///
/// Finding a child takes a lock and a hash of its label values: look it up once and keep it, never per envelope.
package final class Family<Metric: AnyObject & Sendable>: Sendable {
    typealias Child = (labelValues: [String], metric: Metric)

    private struct State {
        var children: [LabelValues: Metric] = [:]
        /// Incremented when a child is added or removed.
        var changes = 0
        /// The children sorted by label values, cached for this number of changes: sorting a thousand takes long.
        var sorted: (children: [Child], changes: Int)?
        /// Number of children that count towards each limit, by overflow child.
        var limited: [LabelValues: Int] = [:]
    }

    let labels: [String]
    private let limit: ChildLimit?
    private let make: @Sendable () -> Metric
    private let state = Mutex(State())

    init(labels: [String], limit: ChildLimit?, make: @escaping @Sendable () -> Metric) {
        precondition(
            limit?.keptLabels.allSatisfy(labels.contains) ?? true,
            "a limit is per labels of its family \(labels), not \(limit?.keptLabels ?? [])")
        self.labels = labels
        self.limit = limit
        self.make = make
    }

    /// The child with these label values. The first call creates it, at 0, and exposes it.
    ///
    /// - Parameter labelValues: one per label, in order of registration.
    /// - Returns: the same child for the same values; beyond the family's limit, the child named `other` for new
    ///   values.
    package func with(_ labelValues: String...) -> Metric {
        checkCount(of: labelValues)
        return state.withLock { state in
            if let child = state.children[LabelValues(labelValues)] {
                return child
            }
            let values = admit(labelValues, to: &state)
            if let child = state.children[LabelValues(values)] {
                return child
            }
            let child = make()
            state.children[LabelValues(values)] = child
            state.changes += 1
            return child
        }
    }

    /// Stops exposing a child and frees its place. References to the child remain valid but are not exposed;
    /// ``with(_:)`` would create a new one, at 0.
    ///
    /// - Parameter labelValues: one per label, in order of registration. Values without a child are ignored.
    package func remove(_ labelValues: String...) {
        checkCount(of: labelValues)
        state.withLock { state in
            guard state.children.removeValue(forKey: LabelValues(labelValues)) != nil else { return }
            state.changes += 1
            let overflow = overflowValues(for: labelValues)
            if labelValues != overflow {
                state.limited[LabelValues(overflow)]? -= 1
            }
        }
    }

    /// Exposes a child again after ``remove(_:)``, with the value it has. For families without a limit.
    ///
    /// - Parameter labelValues: one per label, in order of registration; a child with these values is replaced.
    package func restore(_ child: Metric, _ labelValues: String...) {
        precondition(limit == nil, "a removed child may have lost its place in a limited family")
        checkCount(of: labelValues)
        state.withLock { state in
            state.children[LabelValues(labelValues)] = child
            state.changes += 1
        }
    }

    /// The children sorted by label values.
    func sortedChildren() -> [Child] {
        let (children, changes, known) = state.withLock { ($0.children, $0.changes, $0.sorted) }
        if let known, known.changes == changes { return known.children }
        // Sorted without the lock, so that lookups do not wait.
        let sorted =
            children
            .sorted { $0.key.texts.lexicographicallyPrecedes($1.key.texts) }
            .map { (labelValues: $0.key.texts, metric: $0.value) }
        state.withLock { $0.sorted = (sorted, changes) }
        return sorted
    }

    private func checkCount(of labelValues: [String]) {
        precondition(labelValues.count == labels.count, "label values \(labelValues) do not fit the labels \(labels)")
    }

    /// The label values of a new child: the requested ones, or `other` beyond the limit.
    private func admit(_ labelValues: [String], to state: inout State) -> [String] {
        guard let limit else { return labelValues }
        let overflow = overflowValues(for: labelValues)
        guard labelValues != overflow else { return labelValues }
        guard state.limited[LabelValues(overflow), default: 0] < limit.maximumChildren else { return overflow }
        state.limited[LabelValues(overflow), default: 0] += 1
        return labelValues
    }

    private func overflowValues(for labelValues: [String]) -> [String] {
        zip(labels, labelValues).map { label, value in
            limit?.keptLabels.contains(label) == true ? value : ChildLimit.overflowValue
        }
    }
}

/// Label values compared by bytes, as Prometheus distinguishes series. For Swift's `String`, `é` as one code point
/// equals `e` with a combining accent: two event keys would be counted in one series.
private struct LabelValues: Hashable {
    let texts: [String]

    init(_ texts: [String]) {
        self.texts = texts
    }

    static func == (one: LabelValues, other: LabelValues) -> Bool {
        one.texts.elementsEqual(other.texts) { $0.utf8.elementsEqual($1.utf8) }
    }

    func hash(into hasher: inout Hasher) {
        for var text in texts {
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            hasher.combine(UInt8.max)
        }
    }
}

/// Limit for the children of a family. Further ones are counted together in a child named `other`, so that label values
/// from outside cannot exhaust the memory of Prometheus.
package struct ChildLimit: Sendable {
    /// The label value for all children beyond the limit.
    package static let overflowValue = "other"

    let maximumChildren: Int
    let keptLabels: [String]

    /// - Parameters:
    ///   - maximumChildren: at least 1, without the child named `other`.
    ///   - keptLabels: labels that keep their value in the child named `other`. The limit applies to each combination
    ///     of their values: `ChildLimit(maximumChildren: 100, per: ["channel"])` allows 100 children per channel. These
    ///     labels are not limited themselves.
    package init(maximumChildren: Int, per keptLabels: [String] = []) {
        precondition(maximumChildren >= 1, "a family has room for at least one child")
        self.maximumChildren = maximumChildren
        self.keptLabels = keptLabels
    }
}
