/// The output of a ``Tail`` failed.
public struct TailFailure: Error, CustomStringConvertible {
    /// How it had gone; what waited at the failure counts as dropped.
    public let report: TailReport
    /// What the output threw.
    public let cause: any Error

    public var description: String { "\(cause)" }
}
