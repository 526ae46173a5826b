import Testing

@testable import HubNode

@Suite("Publish gate")
struct PublishGateTests {
    enum Step {
        /// A send with this number, and the decision about it.
        case admit(Int, String)
        /// The connection opens; these sends were waiting.
        case open([Int])
        case lose(String)
        /// These sends will never be sent.
        case close(String, [Int])
    }

    private static let full = "refuse: 2 sends already wait for the first connection to Redis"

    private static let transitions: [(name: String, steps: [Step], isOpen: Bool)] = [
        ("initially closed", [], false),
        ("before the first connection sends wait", [.admit(1, "wait"), .admit(2, "wait")], false),
        (
            "up to the limit; then they are refused",
            [.admit(1, "wait"), .admit(2, "wait"), .admit(3, full), .admit(4, full)], false
        ),
        ("waiting sends go in order", [.admit(2, "wait"), .admit(1, "wait"), .open([2, 1])], true),
        (
            "a refused one is not included", [.admit(1, "wait"), .admit(2, "wait"), .admit(3, full), .open([1, 2])],
            true
        ),
        ("nothing has waited", [.open([])], true),
        (
            "once open, any number is sent",
            [.open([]), .admit(1, "send"), .admit(2, "send"), .admit(3, "send")], true
        ),
        ("no send waits twice", [.admit(1, "wait"), .open([1]), .admit(2, "send"), .open([])], true),
        (
            "while the connection is lost they are refused",
            [.open([]), .lose("timed out"), .admit(1, "refuse: timed out"), .admit(2, "refuse: timed out")], false
        ),
        (
            "the first loss is the reason",
            [.open([]), .lose("timed out"), .lose("closed"), .admit(1, "refuse: timed out")], false
        ),
        (
            "after reopening they are sent; refused ones are not",
            [.open([]), .lose("timed out"), .admit(1, "refuse: timed out"), .open([]), .admit(2, "send")], true
        ),
        (
            "lost again: the new reason",
            [.open([]), .lose("timed out"), .open([]), .lose("closed"), .admit(1, "refuse: closed")], false
        ),
        (
            "what never opened cannot be lost: sends go on waiting",
            [.admit(1, "wait"), .lose("refused"), .admit(2, "wait"), .open([1, 2])], true
        ),
        (
            "closing returns waiting sends, and refuses further ones",
            [.admit(1, "wait"), .admit(2, "wait"), .close("stopping", [1, 2]), .admit(3, "refuse: stopping")], false
        ),
        ("closing works once", [.admit(1, "wait"), .close("stopping", [1]), .close("again", [])], false),
        ("closing an open gate", [.open([]), .close("stopping", []), .admit(1, "refuse: stopping")], false),
        (
            "closing after a lost connection",
            [.open([]), .lose("timed out"), .close("stopping", []), .admit(1, "refuse: stopping")], false
        ),
    ]

    @Test("every transition", arguments: transitions)
    func transition(name: String, steps: [Step], isOpen: Bool) {
        var gate = PublishGate<Int>(limit: 2)
        for step in steps {
            switch step {
            case .admit(let send, let decision): #expect(text(gate.admit(send)) == decision, "\(name)")
            case .open(let waited): #expect(gate.open() == waited, "\(name)")
            case .lose(let reason): gate.lose(reason: reason)
            case .close(let reason, let waiting): #expect(gate.close(reason: reason) == waiting, "\(name)")
            }
        }
        #expect(gate.isOpen == isOpen, "\(name)")
    }

    @Test("with a limit of zero nothing waits")
    func noRoom() {
        var gate = PublishGate<Int>(limit: 0)
        #expect(text(gate.admit(1)) == "refuse: 0 sends already wait for the first connection to Redis")
        #expect(gate.open().isEmpty)
        #expect(text(gate.admit(2)) == "send")
    }

    private func text(_ decision: PublishGate<Int>.Decision) -> String {
        switch decision {
        case .send: "send"
        case .wait: "wait"
        case .refuse(let reason): "refuse: \(reason)"
        }
    }
}
