/// What became of everything that was published.
struct Account: Sendable {
    /// Confirmed by Redis, or found in the capture.
    var published = 0
    var recorded = 0
    /// Reported as missing, by the cause that the capture gives.
    var missing: [String: Int] = [:]
    /// What no subscriber can know of: at a counter reset or without an id, while the relay did not listen.
    var beyondKnowledge = 0
    /// Neither recorded nor reported: must be 0.
    var unaccounted = 0
    /// The connection broke before Redis answered, and nothing of it is in the capture: published or not.
    var undecided = 0
    /// Counted by Redis without being published.
    var burnt = 0
    /// Ids that the events of the capture report missing.
    var reportedMissing = 0
    /// Where the capture does not say what is true, in words; at most ``listedProblems``.
    private(set) var problems: [String] = []

    static let listedProblems = 20

    mutating func note(_ problem: String) {
        if problems.count < Self.listedProblems { problems.append(problem) }
    }

    var missingTotal: Int { missing.values.reduce(0, +) }

    /// Whether published = recorded + reported missing + beyond knowledge, and nothing contradicts it.
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
