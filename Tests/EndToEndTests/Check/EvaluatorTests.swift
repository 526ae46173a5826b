import Loopback
import SignalRClient
import Testing

@testable import Check

/// The outcome of a check, from its records.
@Suite struct EvaluatorTests {
    /// Two nodes with one client each; the ledger records what each client received.
    private func evaluate(
        _ ledger: Ledger, logs: [NodeLog.State?] = [NodeLog.State(), NodeLog.State()],
        faults: [(step: CheckStep, text: String)] = [], resets: [CounterReset] = [], unproven: CheckStep? = nil,
        calls: [CheckStep: (expected: Int, right: Int)] = [:], generation: CheckGeneration = .signalR2
    ) -> CheckOutcome {
        let facts = CheckFacts(
            nodes: logs.enumerated().map { index, log in
                CheckFacts.Node(name: "node \(index + 1)", url: "http://n\(index + 1)/signalr", log: log)
            },
            clients: [
                CheckFacts.Client(name: "node 1/webSockets", transport: .webSockets),
                CheckFacts.Client(name: "node 2/longPolling", transport: .longPolling),
            ],
            channel: "chat", ledger: ledger, faults: faults, notes: ["a note"], resets: resets,
            latency: nil, generation: generation)
        let tallies = calls.mapValues { count in
            let tally = CallTally()
            for number in 0..<count.expected { tally.count(isRight: number < count.right) }
            return tally
        }
        return Evaluator(facts: facts, progress: CheckSteps.Progress(calls: tallies, unproven: unproven))
            .outcome(duration: .seconds(2))
    }

    /// One message of a step, in this envelope, received by both clients.
    private func ledger(
        _ step: CheckStep = .broadcast, envelope: UInt64? = 10, arrivals: [(client: Int, isIntact: Bool)]
    ) -> Ledger {
        var ledger = Ledger(homes: [0, 1])
        let message = ledger.enter(
            Ledger.Entry(step: step, method: "broadcastMessage", sender: 0, recipients: [0, 1], sentAt: nil))
        if let envelope { ledger.published(message, envelope: envelope) }
        for (client, isIntact) in arrivals {
            _ = ledger.arrived(
                .init(message: message, isIntact: isIntact, envelopeAtMost: nil), client: client)
        }
        return ledger
    }

    private static func missing(_ ids: ClosedRange<UInt64>) -> NodeLog.State {
        var log = NodeLog.State()
        log.missed.insert(ids)
        return log
    }

    private func row(_ step: CheckStep, of outcome: CheckOutcome) -> CheckRow? {
        outcome.rows.first { $0.check == step }
    }

    @Test func everythingArrived() throws {
        let outcome = evaluate(ledger(arrivals: [(0, true), (1, true)]))
        #expect(outcome.verdict == .pass && outcome.losses.isEmpty && outcome.faults.isEmpty)
        let row = try #require(self.row(.broadcast, of: outcome))
        #expect(row.expected == 2 && row.received == 2 && row.result == "ok" && row.verdict == .pass)
        #expect(row.over == "2 clients on 2 nodes")
        #expect(outcome.nodes == ["node 1 http://n1/signalr", "node 2 http://n2/signalr"])
        #expect(outcome.notes == ["a note"] && outcome.durationSeconds == 2 && outcome.latency == nil)
    }

    static let verdicts:
        [(
            name: String, envelope: UInt64?, arrivals: [(client: Int, isIntact: Bool)], missed: ClosedRange<UInt64>?,
            verdict: CheckVerdict, result: String
        )] = [
            ("lost", 10, [(0, true)], nil, .fail, "1 lost"),
            ("missed by its node", 10, [(0, true)], 9...11, .passWithLoss, "1 missed by a deaf node"),
            ("another id was missed", 10, [(0, true)], 11...20, .fail, "1 lost"),
            ("its id is unknown", nil, [(0, true)], 9...11, .fail, "1 lost"),
            ("lost to both", 10, [], 10...10, .fail, "1 lost, 1 missed by a deaf node"),
            ("twice", 10, [(0, true), (1, true), (1, true)], nil, .fail, "1 wrong"),
            ("altered", 10, [(0, true), (1, false)], nil, .fail, "1 wrong"),
            ("altered and lost", 10, [(0, false)], nil, .fail, "1 wrong, 1 lost"),
        ]

    @Test(arguments: verdicts.indices) func verdict(_ index: Int) throws {
        let expected = Self.verdicts[index]
        let outcome = evaluate(
            ledger(envelope: expected.envelope, arrivals: expected.arrivals),
            logs: [NodeLog.State(), expected.missed.map(Self.missing) ?? NodeLog.State()])
        let row = try #require(self.row(.broadcast, of: outcome))
        #expect(outcome.verdict == expected.verdict, "\(expected.name)")
        #expect(row.verdict == expected.verdict && row.result == expected.result, "\(expected.name)")
    }

    @Test func aMessageForOthersIsAFault() {
        var ledger = Ledger(homes: [0, 1])
        let message = ledger.enter(
            Ledger.Entry(step: .others, method: "broadcastMessage", sender: 0, recipients: [1], sentAt: nil))
        for client in 0...1 {
            _ = ledger.arrived(.init(message: message, isIntact: true, envelopeAtMost: nil), client: client)
        }
        let outcome = evaluate(ledger)
        #expect(outcome.verdict == .fail)
        #expect(
            outcome.faults == [
                "others: message 0 (broadcastMessage, envelope unknown) reached node 1/webSockets, who was not a recipient"
            ])
        #expect(row(.others, of: outcome)?.result == "1 wrong")
    }

    @Test func aLossNamesTheNodeThatMissedIt() throws {
        let loss = try #require(
            evaluate(ledger(arrivals: [(0, true)]), logs: [NodeLog.State(), Self.missing(9...11)]).losses.first)
        #expect(loss.client == "node 2/longPolling" && loss.node == "node 2" && loss.transport == .longPolling)
        #expect(loss.envelope == 10 && loss.missedFrom == 9 && loss.missedTo == 11 && loss.isExplained)
    }

    /// ASP.NET Core: the second client misses a message while the first node, the second node or neither reports a gap.
    @Test(arguments: [([20...30], [], false), ([], [20...30], true), ([], [], false), ([20...30], [31...40], false)])
    func onlyAGapOfItsOwnNodeExplainsALoss(
        first: [ClosedRange<UInt64>], second: [ClosedRange<UInt64>], isExplained: Bool
    ) throws {
        var ledger = Ledger(homes: [0, 1])
        var entry = Ledger.Entry(
            step: .broadcast, method: "broadcastMessage", sender: 0, recipients: [0, 1], sentAt: nil)
        (entry.calledAt, entry.answeredAt) = (25, 26)
        let message = ledger.enter(entry)
        let receipt = Ledger.Arrival(message: message, isIntact: true, envelopeAtMost: nil, at: 27)
        _ = ledger.arrived(receipt, client: 0)
        // The second node received a later message before it noticed its gap.
        (entry.calledAt, entry.answeredAt) = (28, 29)
        let next = ledger.enter(entry)
        for client in [0, 1] {
            _ = ledger.arrived(
                .init(message: next, isIntact: true, envelopeAtMost: nil, at: isExplained ? 31 : 30), client: client)
        }
        let logs = [first, second].map { gaps in
            var log = NodeLog.State()
            log.gaps = gaps.map { NodeGap(from: $0.lowerBound, to: $0.upperBound, reason: "killed") }
            return log
        }
        let outcome = evaluate(ledger, logs: logs, generation: .core)
        let loss = try #require(outcome.losses.first)
        #expect(outcome.losses.count == 1 && loss.client == "node 2/longPolling" && loss.message == message)
        #expect(loss.isExplained == isExplained && outcome.verdict == (isExplained ? .passWithLoss : .fail))
    }

    @Test func answersCountAsDeliveries() throws {
        let outcome = evaluate(Ledger(homes: [0, 1]), calls: [.results: (expected: 5, right: 4)])
        let row = try #require(self.row(.results, of: outcome))
        #expect(row.expected == 5 && row.received == 4)
        // A wrong answer is reported as a fault by the client that received it.
        #expect(row.verdict == .pass)
    }

    @Test func aStepThatCouldNotBeCarriedOutFails() throws {
        let outcome = evaluate(
            Ledger(homes: [0, 1]), faults: [(.groups, "it could not be proven")], unproven: .groups)
        #expect(outcome.verdict == .fail)
        let row = try #require(self.row(.groups, of: outcome))
        #expect(row.result == "not proven" && row.verdict == .fail)
        // Later steps were not tried.
        #expect(self.row(.users, of: outcome) == nil && self.row(.broadcast, of: outcome)?.verdict == .pass)
    }

    /// A node of this process reports what it publishes; other nodes are proven to be on the channel.
    @Test(arguments: [true, false]) func rowsByKindOfNode(isInProcess: Bool) {
        let log = isInProcess ? NodeLog.State() : nil
        #expect((row(.backplane, of: evaluate(Ledger(homes: [0, 1]), logs: [log, log])) == nil) == isInProcess)
        #expect(row(.otherNode, of: evaluate(Ledger(homes: [0, 0]), logs: [log])) == nil)
        #expect(row(.otherNode, of: evaluate(Ledger(homes: [0, 1]), logs: [log, log])) != nil)
    }

    @Test func eventsAtNodesAreNoted() {
        var log = Self.missing(4...6)
        log.closures = ["killed", "killed"]
        log.resets = [CounterReset(from: 8, to: 0)]
        let outcome = evaluate(
            Ledger(homes: [0, 1]), logs: [log, NodeLog.State()], resets: [CounterReset(from: 8, to: 0)])
        #expect(
            outcome.notes.dropFirst() == [
                "the counter of 'chat' was set back from 8 to 0 (its key is gone) during this check",
                "node 1 was cut off from Redis 2 times: killed", "node 1 saw the counter set back from 8 to 0",
                "node 1 missed ids 4..6",
            ])
        #expect(outcome.verdict == .pass && outcome.counterResets.count == 1)
    }
}
