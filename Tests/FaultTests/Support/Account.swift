/// The outcome of everything that was published.
struct Account: Sendable {
    /// Confirmed by Redis, or found in the capture.
    var published = 0
    var recorded = 0
    /// Reported as missing, by cause in the capture.
    var missing: [String: Int] = [:]
    /// Unknowable for a subscriber: at a counter reset or without an id, while the relay was not subscribed.
    var beyondKnowledge = 0
    /// Neither recorded nor reported: must be 0.
    var unaccounted = 0
    /// The connection failed before Redis replied, and nothing of it is in the capture: published or not.
    var undecided = 0
    /// Ids assigned by Redis without a publication.
    var burnt = 0
    /// Ids that the capture's events report as missing.
    var reportedMissing = 0
    /// Contradictions between the capture and the truth, as sentences; at most ``listedProblems``.
    private(set) var problems: [String] = []

    static let listedProblems = 20

    mutating func note(_ problem: String) {
        if problems.count < Self.listedProblems { problems.append(problem) }
    }

    var missingTotal: Int { missing.values.reduce(0, +) }

    /// Whether published = recorded + reported missing + unknowable, without contradictions.
    var isBalanced: Bool {
        unaccounted == 0 && problems.isEmpty && published == recorded + missingTotal + beyondKnowledge
    }
}

extension Account: CustomStringConvertible {
    var description: String {
        let causes = missing.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        var text = "published \(published), recorded \(recorded), missing \(missingTotal)"
        if !causes.isEmpty { text += " (\(causes))" }
        text += ", beyond knowledge \(beyondKnowledge)"
        if undecided > 0 { text += ", outcome unknown \(undecided)" }
        if burnt > 0 { text += ", counted only \(burnt)" }
        return text + ", unaccounted \(unaccounted)"
    }
}
