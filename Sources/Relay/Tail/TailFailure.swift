/// The output of a ``Tail`` failed.
package struct TailFailure: Error, CustomStringConvertible {
    /// How it had gone; what waited at the failure counts as dropped.
    package let report: TailReport
    /// What the output threw.
    package let cause: any Error

    package var description: String { "\(cause)" }
}
