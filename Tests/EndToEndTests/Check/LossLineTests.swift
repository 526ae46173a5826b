import SignalRClient
import Testing

@testable import Check

/// The lines about losses: every message and every client is named, in few lines.
@Suite struct LossLineTests {
    private static func loss(
        _ message: Int, _ client: String, node: String = "node 1", step: CheckStep = .broadcast,
        method: String = "broadcastMessage", gap: String? = "was cut off", envelope: UInt64? = nil, hasID: Bool = false
    ) -> CheckLoss {
        CheckLoss(
            check: step, message: message, method: method, envelope: envelope, envelopeAtMost: nil,
            client: client, transport: .webSockets, node: node, nodeTells: true,
            missedFrom: envelope, missedTo: envelope, counter: nil, gap: gap, hasID: hasID)
    }

    private static func lines(_ losses: [CheckLoss]) -> [String] { LossLine.all(losses).map(\.description) }

    @Test func nothingIsLost() { #expect(Self.lines([]) == []) }

    @Test func messagesThatMissedTheSameClientsShareALine() {
        let losses = [3, 4, 5, 8, 11].flatMap { message in
            [
                Self.loss(message, "node 1/a"), Self.loss(message, "node 1/b"),
                Self.loss(message, "node 2/a", node: "node 2"),
            ]
        }
        #expect(
            Self.lines(losses) == [
                "broadcast: messages 3..5, 8, 11 (broadcastMessage) did not reach node 1 (a, b): node 1 was cut off",
                "broadcast: messages 3..5, 8, 11 (broadcastMessage) did not reach node 2/a: node 2 was cut off",
            ])
    }

    @Test func othersHaveTheirOwn() {
        let losses = [
            Self.loss(1, "node 1/a"), Self.loss(1, "node 1/b"), Self.loss(2, "node 1/a"),
            Self.loss(3, "node 1/a", gap: "was cut off again"), Self.loss(4, "node 1/a", step: .groups),
            Self.loss(5, "node 1/a", method: "userMessage"), Self.loss(6, "node 1/a", gap: nil),
            Self.loss(7, "node 1/a"),
        ]
        #expect(
            Self.lines(losses) == [
                "broadcast: message 1 (broadcastMessage) did not reach node 1 (a, b): node 1 was cut off",
                "broadcast: messages 2, 7 (broadcastMessage) did not reach node 1/a: node 1 was cut off",
                "broadcast: message 3 (broadcastMessage) did not reach node 1/a: node 1 was cut off again",
                "groups: message 4 (broadcastMessage) did not reach node 1/a: node 1 was cut off",
                "broadcast: message 5 (userMessage) did not reach node 1/a: node 1 was cut off",
                "broadcast: message 6 (broadcastMessage) did not reach node 1/a: node 1 did not report it as missed",
            ])
    }

    /// A client of SignalR 2 may have moved to another node.
    @Test func aMessageWithAnIDHasALineOfItsOwn() {
        let losses = [
            Self.loss(1, "node 1/a", node: "node 2", gap: nil, envelope: 9, hasID: true),
            Self.loss(1, "node 2/a", node: "node 2", gap: nil, envelope: 9, hasID: true),
            Self.loss(2, "node 2/a", node: "node 2", gap: nil, envelope: 10, hasID: true),
            Self.loss(3, "node 2/a", node: "node 2", gap: nil, envelope: 10, hasID: true),
        ]
        #expect(
            Self.lines(losses) == [
                "broadcast: message 1 (broadcastMessage, envelope 9) did not reach node 1/a, node 2/a: node 2 was deaf for id 9",
                "broadcast: message 2 (broadcastMessage, envelope 10) did not reach node 2/a: node 2 was deaf for id 10",
                "broadcast: message 3 (broadcastMessage, envelope 10) did not reach node 2/a: node 2 was deaf for id 10",
            ])
    }
}
