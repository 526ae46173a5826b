import Capture
import Loopback
import SignalRClient

/// The records of clients, nodes and the channel.
struct CheckFacts {
    struct Node {
        let name: String
        let url: String
        /// The node's own log; nil for a node of another process.
        let log: NodeLog.State?
    }

    struct Client {
        let name: String
        let transport: ClientTransport
    }

    let nodes: [Node]
    let clients: [Client]
    /// The event key.
    let channel: String
    let ledger: Ledger
    /// Problems other than deliveries, as sentences.
    let faults: [(step: CheckStep, text: String)]
    let notes: [String]
    let resets: [CounterReset]
    let latency: LatencySummary?
    var generation = CheckGeneration.signalR2
    /// Number of clients that could not connect; the faults name the reasons.
    var absent = 0
    /// Whether there are clients with stateful reconnect.
    var hasStateful = false

    /// In-process nodes were given the channel, and report what they publish.
    var isInProcess: Bool { nodes.allSatisfy { $0.log != nil } }
}

extension CheckFacts {
    /// - Parameter clients: all that were planned.
    init(_ session: CheckSession, clients: [ClientPlan.PlannedClient]) {
        self.init(
            nodes: session.nodes.map { node in
                Node(
                    name: node.name, url: "\(session.generation.isCore ? node.coreURL : node.url)",
                    log: node.log?.current)
            },
            clients: clients.map { Client(name: $0.name, transport: $0.transport) },
            channel: session.channel, ledger: session.deliveryLog.ledger, faults: session.deliveryLog.faults,
            notes: session.deliveryLog.notes, resets: session.resets,
            latency: LatencySummary(nanoseconds: session.deliveryLog.latency), generation: session.generation,
            absent: clients.count - session.participants.count, hasStateful: session.hasStateful)
    }
}

/// Evaluates a check: losses, faults, and the verdict. No I/O.
struct Evaluator {
    let facts: CheckFacts
    let progress: CheckSteps.Progress

    private var clients: String {
        "\(Quantity.text(facts.clients.count, "client")) on \(Quantity.text(facts.nodes.count, "node"))"
    }

    func outcome(duration: Duration) -> CheckOutcome {
        let logs = facts.nodes.map { $0.log ?? NodeLog.State() }
        let ledger = facts.ledger
        let findings = ledger.findings(missed: logs.map(\.missed), idsAscend: logs.allSatisfy(\.resets.isEmpty))
        let outages = logs.enumerated().map { node, log in
            log.gaps.isEmpty ? [] : NodeOutage.all(log.gaps, ledger.receipts(of: node))
        }
        var losses: [CheckLoss] = []
        var faults = facts.faults
        for finding in findings {
            switch finding {
            case .lost(let message, let client, let node, let missed):
                let outage = outages[node].first { $0.explains(ledger.entries[message]) }
                losses.append(
                    loss(message, client: client, node: node, missed: missed, outage: outage, ledger: ledger))
            default:
                faults.append(fault(finding, ledger: ledger))
            }
        }
        let rows = facts.generation.steps.compactMap { row($0, ledger: ledger, losses: losses, faults: faults) }
        let verdict: CheckVerdict =
            rows.contains { $0.verdict == .fail } ? .fail : losses.isEmpty ? .pass : .passWithLoss
        return CheckOutcome(
            verdict: verdict, nodes: facts.nodes.map { "\($0.name) \($0.url)" },
            clients: facts.clients.map(\.name), rows: rows, losses: losses,
            faults: faults.map { "\($0.step.title): \($0.text)" },
            notes: facts.notes + remarks(logs), counterResets: facts.resets,
            latency: facts.latency, durationSeconds: duration / .seconds(1))
    }

    private func row(
        _ step: CheckStep, ledger: Ledger, losses: [CheckLoss], faults: [(step: CheckStep, text: String)]
    ) -> CheckRow? {
        if step == .otherNode, facts.nodes.count < 2 { return nil }
        if step == .backplane, facts.isInProcess { return nil }
        if step == .statefulReconnect, !facts.hasStateful { return nil }
        let steps = facts.generation.steps
        if let end = progress.unproven.flatMap(steps.firstIndex), let index = steps.firstIndex(of: step), index > end {
            return nil
        }
        var (expected, received) = ledger.tally(step)
        if let tally = progress.calls[step]?.current {
            expected += tally.expected
            received += tally.received
        }
        if step == .connect {
            expected += facts.clients.count
            received += facts.clients.count - facts.absent
        }
        let losses = losses.filter { $0.check == step }
        let faults = faults.count { $0.step == step }
        let unexplained = losses.count { !$0.isExplained }
        var words: [String] = []
        if step == progress.unproven {
            words.append("not proven")
        } else if faults > 0 {
            words.append("\(Quantity.grouped(faults)) wrong")
        }
        if unexplained > 0 { words.append("\(Quantity.grouped(unexplained)) lost") }
        if losses.count > unexplained {
            words.append("\(Quantity.grouped(losses.count - unexplained)) missed by a deaf node")
        }
        return CheckRow(
            check: step, over: clients, expected: expected, received: received,
            result: words.isEmpty ? "ok" : words.joined(separator: ", "),
            verdict: faults + unexplained > 0 ? .fail : losses.isEmpty ? .pass : .passWithLoss)
    }

    private func loss(
        _ message: Int, client: Int, node: Int, missed: ClosedRange<UInt64>?, outage: NodeOutage?, ledger: Ledger
    ) -> CheckLoss {
        let entry = ledger.entries[message]
        let participant = facts.clients[client]
        return CheckLoss(
            check: entry.step, message: message, method: entry.method, envelope: entry.envelope,
            envelopeAtMost: entry.envelope == nil && !facts.generation.isCore ? ledger.envelopeAtMost(message) : nil,
            client: participant.name,
            transport: participant.transport, node: facts.nodes[node].name, nodeTells: facts.nodes[node].log != nil,
            missedFrom: missed?.lowerBound,
            missedTo: missed?.upperBound, counter: CounterRecord.text(of: facts.resets, channel: facts.channel),
            gap: outage?.text, hasID: !facts.generation.isCore)
    }

    private func fault(_ finding: Finding, ledger: Ledger) -> (step: CheckStep, text: String) {
        func name(_ client: Int) -> String { facts.clients[client].name }
        func message(_ number: Int) -> String {
            let entry = ledger.entries[number]
            guard !facts.generation.isCore else { return "message \(number) (\(entry.method))" }
            let envelope = entry.envelope.map { "envelope \($0)" } ?? "envelope unknown"
            return "message \(number) (\(entry.method), \(envelope))"
        }
        switch finding {
        case .lost(let number, let client, _, _):
            return (ledger.entries[number].step, "\(message(number)) did not reach \(name(client))")
        case .duplicate(let number, let client, let times):
            return (
                ledger.entries[number].step,
                "\(message(number)) reached \(name(client)) \(Quantity.text(times, "time"))"
            )
        case .leaked(let number, let client):
            return (ledger.entries[number].step, "\(message(number)) reached \(name(client)), who was not a recipient")
        case .outOfOrder(let number, let other, let client):
            return (ledger.entries[number].step, "\(message(number)) reached \(name(client)) after \(message(other))")
        case .altered(let number, let client):
            return (
                ledger.entries[number].step,
                "\(message(number)) reached \(name(client)) with a different text or method"
            )
        }
    }

    /// Events at the nodes.
    private func remarks(_ logs: [NodeLog.State]) -> [String] {
        let counter = CounterRecord.text(of: facts.resets, channel: facts.channel).map { [$0] } ?? []
        return counter
            + zip(facts.nodes, logs).flatMap { node, log in
                let closures = Dictionary(grouping: log.closures, by: { $0 }).sorted { $0.key < $1.key }
                return closures.map {
                    "\(node.name) was cut off from Redis \(Quantity.text($0.value.count, "time")): \($0.key)"
                }
                    + log.resets.map { "\(node.name) saw the counter set back from \($0.from) to \($0.to)" }
                    + log.missed.ranges.map { "\(node.name) missed ids \($0.lowerBound)..\($0.upperBound)" }
            }
    }
}
