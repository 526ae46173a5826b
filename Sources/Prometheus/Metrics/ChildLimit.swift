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
