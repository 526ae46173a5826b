/// How many children a family may have. Whatever comes later is counted together in a child named `other`, so that
/// label values from outside cannot fill the memory of whoever stores the series.
package struct ChildLimit: Sendable {
    /// The label value that stands for all those that came too late.
    package static let overflowValue = "other"

    let maximumChildren: Int
    let keptLabels: [String]

    /// - Parameters:
    ///   - maximumChildren: at least 1; the child named `other` is not counted.
    ///   - keptLabels: labels that keep their value in the child named `other`. The limit holds for each combination
    ///     of their values: `ChildLimit(maximumChildren: 100, per: ["channel"])` allows 100 children a channel. They
    ///     are not limited themselves.
    package init(maximumChildren: Int, per keptLabels: [String] = []) {
        precondition(maximumChildren >= 1, "a family has room for at least one child")
        self.maximumChildren = maximumChildren
        self.keptLabels = keptLabels
    }
}
