import JSON
import Loopback
import SignalRClient

/// Steps that check what clients receive after a reconnect.
extension CheckSession {
    private static let sentMeanwhile = 3

    /// First one half of the clients is away, then the other.
    func reconnect() async throws {
        let half = participants.count / 2
        for away in [participants.prefix(half), participants.suffix(participants.count - half)] {
            let away = Array(away)
            let here = participants.filter { other in !away.contains { $0.index == other.index } }
            try await all(away) { await $0.client.dropTransport() }
            try await sendMeanwhile(.reconnect, call: "send", method: "broadcastMessage", to: everyone, from: here)
            try await all(away) { try await comeBack($0, to: nil) }
            try await fence(.reconnect)
        }
    }

    /// The clients of the first node, members of a group, move to the second one, and miss neither broadcasts nor the
    /// group's messages.
    func changeNode() async throws {
        let group = "check-\(deliveryLog.text.run)-travellers"
        let away = participants.filter { $0.node == 0 }
        let here = participants.filter { $0.node != 0 }
        let travellers = Set(away.map(\.index))
        try await all(away) { try await join(group, $0) }
        // After this, all clients have the groups token that proves membership.
        try await fence(.otherNode)

        try await all(away) { traveller in
            deliveryLog.moved(client: traveller.index, to: 1)
            await traveller.client.dropTransport()
        }
        try await sendMeanwhile(.otherNode, call: "send", method: "broadcastMessage", to: everyone, from: here)
        try await sendMeanwhile(
            .otherNode, call: "sendToGroup", group, method: "groupMessage", to: travellers, from: here)
        do {
            try await all(away) { traveller in
                try await comeBack(traveller, to: nodes[1].url)
                // A refused long poll ends without an error; a call gets a response.
                try await retry("\(traveller.name) calls echo at \(nodes[1].name)") {
                    try await traveller.client.call("echo", [.string("")])
                }
            }
        } catch let error as SetupError {
            throw Self.isRefusedToken(error.cause as? SignalRClientError) ? strangeToken(error) : error
        }
        try await sendMeanwhile(
            .otherNode, call: "sendToGroup", group, method: "groupMessage", to: travellers, from: here)
        try await fence(.otherNode)
    }

    /// Whether a node rejected the token. A wrong path or a stopping node is something else.
    static func isRefusedToken(_ error: SignalRClientError?) -> Bool {
        guard case .refused(_, _, let status, _) = error else { return false }
        return [400, 401, 403].contains(status)
    }

    private func strangeToken(_ error: SetupError) -> SetupError {
        SetupError(
            "\(nodes[1].name) rejects the tokens of \(nodes[0].name): the nodes do not share a key (machineKey in the Web.config of "
                + "real nodes, a key file of our own), so no client can continue at another node. \(error)")
    }

    func sendMeanwhile(
        _ step: CheckStep, call: String, _ group: String? = nil, method: String, to recipients: Set<Int>,
        from senders: [Participant]
    ) async throws {
        try await all(senders) { sender in
            for _ in 0..<Self.sentMeanwhile {
                let arguments = (group.map { [JSONTree.string($0)] } ?? []) + [.string(sender.name)]
                try await send(
                    Expectation(
                        step: step, call: call, arguments: arguments, method: method, recipients: recipients,
                        isMeasured: false),
                    from: sender)
            }
        }
    }

    func comeBack(_ client: Participant, to node: NodeURL? = nil) async throws {
        try await retry("\(client.name) reconnects\(node.map { " to \($0)" } ?? "")") {
            if let node, let client = client.signalR2 {
                try await client.reconnect(to: node)
            } else {
                try await client.client.reconnect()
            }
        }
    }
}
