/// What a check comes to.
package enum CheckVerdict: String, Sendable, Encodable, CaseIterable {
    case pass
    /// Messages are missing, and each one is among those that its node reported as missed.
    case passWithLoss = "pass_with_loss"
    case fail

    package var title: String {
        switch self {
        case .pass: "PASS"
        case .passWithLoss: "PASS WITH LOSS"
        case .fail: "FAIL"
        }
    }
}
