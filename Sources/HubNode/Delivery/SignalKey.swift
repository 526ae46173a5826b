import Backplane

/// The key of a signal, in both ways in which a real node compares it: what a connection listens to is told apart byte by
/// byte, what a message is for is found without case.
struct SignalKey: Hashable, Sendable, ExpressibleByStringLiteral {
    let text: String
    let folded: CaselessName

    init(_ text: String) {
        self.text = text
        folded = CaselessName(text)
    }

    init(stringLiteral text: String) {
        self.init(text)
    }

    static func == (first: SignalKey, second: SignalKey) -> Bool {
        first.text.isSameOrdinally(as: second.text)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(folded)
    }
}
