import Testing

@testable import Check
@testable import SignalRClient

struct CheckPartsTests {
    @Test func textsContainTheirNumbers() {
        let text = CheckText(run: "abc")
        for number in 0..<50 {
            #expect(text.number(in: text.text(number)) == number)
            #expect(text.isIntact(text.text(number), number: number))
            #expect(!text.isIntact(text.text(number) + " ", number: number))
        }
    }

    /// Other checks and people may use the same hub.
    @Test(arguments: ["", "hello", "check abd #1 plain", "check abc #", "check abc #x", "check abc"])
    func foreignTextsHaveNone(foreign: String) {
        #expect(CheckText(run: "abc").number(in: foreign) == nil)
    }

    @Test(
        arguments: [
            ("s-0,1F", 31), ("s-0,FFFFFFFFFFFFFFFF", UInt64.max), ("s-0,", nil), ("s-0,10000000000000000", nil),
            ("s-1,1", nil),
            ("d-A,1|B,2", nil), ("", nil), ("s-0,xyz", nil),
        ] as [(String, UInt64?)])
    func readsCursors(text: String, id: UInt64?) {
        #expect(CursorText.id(text) == id)
    }

    @Test func plansOneClientPerTransportAndNode() {
        let clients = ClientPlan(nodes: ["node 1", "node 2"], transports: ClientTransport.allCases, run: "r").clients
        #expect(clients.map(\.node) == [0, 0, 0, 1, 1, 1])
        #expect(clients.map(\.transport) == ClientTransport.allCases + ClientTransport.allCases)
        // Each user is at both nodes.
        #expect(clients.map(\.user) == [0, 1, 2, 0, 1, 2].map { "check-r-\($0)" })
        #expect(Set(clients.map(\.name)).count == 6)
    }

    @Test func plansAtLeastTwo() {
        let clients = ClientPlan(nodes: ["node 1"], transports: [.longPolling], run: "r").clients
        #expect(clients.map(\.name) == ["node 1/longPolling a", "node 1/longPolling b"])
        #expect(clients.map(\.user) == ["check-r-0", "check-r-1"])
    }

    @Test(arguments: [
        (
            loss(envelope: 1231, missed: 1230...1232),
            "message 7 (broadcastMessage, envelope 1231) did not reach node 2/webSockets: node 2 was deaf for ids 1230..1232"
        ),
        (
            loss(envelope: 1231, missed: 1231...1231),
            "message 7 (broadcastMessage, envelope 1231) did not reach node 2/webSockets: node 2 was deaf for id 1231"
        ),
        (
            loss(envelope: 1231, missed: nil),
            "message 7 (broadcastMessage, envelope 1231) did not reach node 2/webSockets: node 2 did not report it as missed"
        ),
        (
            loss(
                envelope: 3, missed: nil, counter: "the counter of 'check' was set back from 812 to 3 during this check"
            ),
            "message 7 (broadcastMessage, envelope 3) did not reach node 2/webSockets: the counter of 'check' was set back from 812 to 3 during this check"
        ),
    ])
    func lossesAreNamedExactly(loss: CheckLoss, text: String) {
        #expect(loss.description == "broadcast: " + text)
    }

    private static func loss(envelope: UInt64?, missed: ClosedRange<UInt64>?, counter: String? = nil) -> CheckLoss {
        CheckLoss(
            check: .broadcast, message: 7, method: "broadcastMessage", envelope: envelope, envelopeAtMost: nil,
            client: "node 2/webSockets", transport: .webSockets, node: "node 2", nodeTells: true,
            missedFrom: missed?.lowerBound, missedTo: missed?.upperBound, counter: counter)
    }
}
