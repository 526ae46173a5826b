import Capture
import JSON
import Loopback
import SignalRClient

/// Steps that only clients of ASP.NET Core SignalR support, or that differ for them.
extension CheckSession {
    private static let streamed = 20

    /// A client's answer to a call from a node, which no other client or node could produce.
    static func answer(to question: JSONTree, of client: Int) -> JSONTree {
        ["client": .integer(Int64(client)), "question": question]
    }

    /// Calls each client from one of its own node and from one of the next node.
    func connections() async throws {
        try await all(participants) { sender in
            for recipient in partners(of: sender) {
                guard let id = await recipient.client.connectionID else { continue }
                try await send(
                    Expectation(
                        step: .connection, call: "sendToConnection", arguments: [.string(id)],
                        method: "connectionMessage", recipients: [recipient.index]),
                    from: sender)
            }
        }
        try await fence(.connection)
    }

    func clientResults(_ tally: CallTally) async throws {
        try await all(participants) { asker in
            for other in partners(of: asker) {
                let question = JSONTree.string("é from \(asker.name)")
                let answer = try await retry("\(asker.name) asks \(other.name)") {
                    try await ask(question, other, from: asker)
                }
                let expected = Self.answer(to: question, of: other.index)
                tally.count(isRight: answer == expected)
                if answer != expected {
                    deliveryLog.fault(
                        .clientResults,
                        "\(other.name) answered \(asker.name) with \(Self.shortened(expected)), which arrived as \(Self.shortened(answer))"
                    )
                }
            }
        }
    }

    private func ask(_ question: JSONTree, _ other: Participant, from asker: Participant) async throws -> JSONTree {
        // Read at each attempt: it changes if the other client gets a new connection.
        guard let id = await other.client.connectionID else {
            throw SignalRClientError.notConnected(node: nodes[other.node].name)
        }
        do {
            return try await asker.client.call("ask", [.string(id), question])
        } catch let error as SignalRClientError {
            // If the question or the answer was lost, the call never ends, and its connection is blocked.
            if case .timedOut = error { try await asker.core?.replaceConnection() }
            throw error
        }
    }

    /// The next client of the same node, and the client in the same place of the next node.
    private func partners(of client: Participant) -> [Participant] {
        let home = participants.filter { $0.node == client.node }
        let away = participants.filter { $0.node == (client.node + 1) % nodes.count }
        guard let place = home.firstIndex(where: { $0.index == client.index }) else { return [] }
        let neighbour = home[(place + 1) % home.count]
        let abroad = away.isEmpty ? [] : [away[place % away.count]]
        return ([neighbour] + abroad).filter { $0.index != client.index }
    }

    func streams(_ tally: CallTally) async throws {
        let numbers = (1...Self.streamed).map { JSONTree.integer(Int64($0)) }
        try await all(participants) { caller in
            guard let client = caller.core else { return }
            let items = try await retry("\(caller.name) reads countTo") {
                var items: [JSONTree] = []
                for try await item in await client.stream("countTo", [.integer(Int64(Self.streamed))]) {
                    items.append(item)
                }
                return items
            }
            verify(items == numbers, .array(items), "the stream countTo", caller, tally)
            let sum = try await retry("\(caller.name) streams to sum") {
                let (stream, put) = CoreSignalRClient.Upload.makeStream()
                for number in numbers { put.yield(number) }
                put.finish()
                return try await client.invoke("sum", uploads: [stream])
            }
            verify(sum.integer == Int64(Self.streamed * (Self.streamed + 1) / 2), sum, "the sum", caller, tally)
        }
    }

    private func verify(
        _ isRight: Bool, _ value: JSONTree, _ what: String, _ caller: Participant, _ tally: CallTally
    ) {
        tally.count(isRight: isRight)
        if !isRight { deliveryLog.fault(.streams, "\(caller.name): \(what) arrived as \(Self.shortened(value))") }
    }

    // MARK: - Reconnecting

    /// First one half of the clients is away, then the other. By the protocol they miss what is sent in the meantime;
    /// their new connections receive what follows, and are in no group until they join one.
    func replaceConnections() async throws {
        let group = "check-\(deliveryLog.text.run)-returned"
        let plain = participants.filter { !$0.isStateful }
        for away in [plain.prefix(plain.count / 2), plain.suffix(plain.count - plain.count / 2)] {
            let away = Array(away)
            let absent = Set(away.map(\.index))
            let here = participants.filter { !absent.contains($0.index) }
            guard let speaker = here.first, !away.isEmpty else { continue }
            try await all(away) { try await join(group, $0) }
            try await fence(.reconnect)
            try await all(away) { client in
                let before = await client.client.connectionID
                await client.client.dropTransport()
                deliveryLog.note(connection: before, of: client.index)
            }
            try await sendMeanwhile(
                .reconnect, call: "send", method: "broadcastMessage", to: everyone.subtracting(absent), from: here)
            try await all(away) { client in
                try await comeBack(client)
                if await deliveryLog.isKnown(connection: client.client.connectionID, of: client.index) {
                    deliveryLog.fault(.reconnect, "\(client.name): its new connection has the id of the lost one")
                }
            }
            // The old connection was the member, so no client receives this.
            try await sendMeanwhile(
                .reconnect, call: "sendToGroup", group, method: "groupMessage", to: [], from: [speaker])
            try await fence(.reconnect)
            try await all(away) { try await join(group, $0) }
            try await fence(.reconnect)
            try await sendMeanwhile(
                .reconnect, call: "sendToGroup", group, method: "groupMessage", to: absent, from: [speaker])
            try await sendMeanwhile(.reconnect, call: "send", method: "broadcastMessage", to: everyone, from: [speaker])
            try await fence(.reconnect)
            try await all(away) { client in
                _ = try await retry("\(client.name) leaves a group") {
                    try await client.client.call("leaveGroup", [.string(group)])
                }
            }
        }
    }

    /// The webSockets of clients with stateful reconnect break while others send.
    func resumeConnections() async throws {
        let group = "check-\(deliveryLog.text.run)-kept"
        let away = participants.filter(\.isStateful)
        let absent = Set(away.map(\.index))
        let here = participants.filter { !absent.contains($0.index) }
        try await all(away) { try await join(group, $0) }
        try await fence(.statefulReconnect)
        try await all(away) { client in
            let before = await client.client.connectionID
            await client.client.dropTransport()
            deliveryLog.note(connection: before, of: client.index)
        }
        try await sendMeanwhile(
            .statefulReconnect, call: "send", method: "broadcastMessage", to: everyone, from: here)
        try await sendMeanwhile(
            .statefulReconnect, call: "sendToGroup", group, method: "groupMessage", to: absent, from: here)
        try await all(away) { client in
            try await comeBack(client)
            guard await !deliveryLog.isKnown(connection: client.client.connectionID, of: client.index) else { return }
            deliveryLog.fault(
                .statefulReconnect, "\(client.name): the node did not resume its connection but gave it a new one")
        }
        try await sendMeanwhile(
            .statefulReconnect, call: "sendToGroup", group, method: "groupMessage", to: absent, from: here)
        try await fence(.statefulReconnect)
    }
}
