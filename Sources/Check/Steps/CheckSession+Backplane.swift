import Capture
import JSON
import Loopback
import Redis
import SignalRClient

/// Checks that the nodes publish on the channel being checked.
extension CheckSession {
    /// How long a node's message may take to reach the channel: its envelope, or the check's own subscription, may be
    /// lost once.
    private static let appearing: Duration = .seconds(10)
    private static let look: Duration = .milliseconds(20)

    /// In-process nodes were given the channel by the check.
    var isInProcess: Bool { nodes.allSatisfy { $0.log != nil } }

    /// Lets a client of each node broadcast a message, which must arrive on the given channel: otherwise all further
    /// steps would prove something about another backplane.
    func backplane(_ tally: CallTally) async throws {
        guard !isInProcess else { return }
        let strangers = try await withThrowingTaskGroup(of: Int?.self) { group in
            for node in nodes.indices {
                group.addTask { try await appears(node) ? nil : node }
            }
            var strangers: [Int] = []
            for try await node in group { if let node { strangers.append(node) } }
            return strangers.sorted()
        }
        for node in nodes.indices { tally.count(isRight: !strangers.contains(node)) }
        guard !strangers.isEmpty else { return }
        try await requireRedis()
        let names = strangers.map { nodes[$0].name }.joined(separator: ", ")
        let who = strangers.count == nodes.count ? "the \(Quantity.noun(nodes.count, "node"))" : names
        let publish = Quantity.noun(strangers.count, "publishes", "publish")
        deliveryLog.fault(
            .backplane,
            "\(who) \(publish) elsewhere: no envelope of this check arrived on channel '\(channel)' at \(redis.endpoint) within "
                + "\(Self.appearing.components.seconds) s, though clients received the messages; \(await listeners). "
                + "Compare \(generation.isCore ? "the hub's type, the channel prefix and the address in Program.cs" : "the event key and the address in Startup.cs") of the nodes with those of this check"
        )
    }

    /// Whether messages published by the node arrive on the channel.
    private func appears(_ node: Int) async throws -> Bool {
        guard let sender = participants.first(where: { $0.node == node }) else { return true }
        var sent: Set<Int> = []
        let end = ContinuousClock.now + Self.appearing
        while ContinuousClock.now < end {
            let message = deliveryLog.enter(
                Ledger.Entry(
                    step: .backplane, method: "broadcastMessage", sender: sender.index, recipients: everyone,
                    sentAt: nil, isDue: false))
            sent.insert(message)
            do {
                try await sender.client.call("send", ["fence", .string(deliveryLog.text.text(message))])
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                deliveryLog.note("backplane: \(sender.name) could not send: \(error)")
            }
            let next = min(end, ContinuousClock.now + .seconds(1))
            repeat {
                if deliveryLog.isPublished(anyOf: sent) { return true }
                try await Task.sleep(for: Self.look)
            } while ContinuousClock.now < next
        }
        return false
    }

    /// A sentence about other subscribers of the channel.
    private var listeners: String {
        get async {
            switch await RedisProbe.subscribers(of: generation.isCore ? channel + ":all" : channel, at: redis) {
            case nil: "its subscribers are unknown"
            case .some(...1): "only this check subscribes to it there"
            case .some(let count):
                "it has \(Quantity.text(count, "subscriber")) there, this check among them"
            }
        }
    }
}
