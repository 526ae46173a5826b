import Redis

/// The subscribers of a server, all channels together, sorted by their names in `CLIENT LIST`.
package struct SubscribedClients: Sendable, Equatable {
    /// Relays and tails of ours, which only look on.
    package var observers: Int
    /// Whatever else: nodes, perhaps.
    package var others: Int

    package init(observers: Int, others: Int) {
        self.observers = observers
        self.others = others
    }

    /// - Parameter list: the answer to `CLIENT LIST TYPE pubsub`.
    package init(list: String) {
        self.init(observers: 0, others: 0)
        for line in list.split(whereSeparator: \.isNewline) {
            let client = InfoFields(client: String(line))
            // What subscribes to patterns alone is not counted by PUBSUB NUMSUB.
            guard client["sub"].flatMap({ Int($0) }) ?? 0 > 0 else { continue }
            if RedisConfiguration.isObserver(clientName: client["name"] ?? "") { observers += 1 } else { others += 1 }
        }
    }

    /// What is known of the subscribers of one channel.
    package enum Verdict: Sendable, Equatable {
        /// At least one is no observer.
        case mayBeNodes
        /// All subscribers of the server are observers.
        case observersOnly
        /// There are as many observers on the server, which may be those of the channel.
        case unclear
    }

    /// - Parameter count: `PUBSUB NUMSUB` of the channel.
    package func verdict(on count: Int) -> Verdict {
        if others == 0, count <= observers { return .observersOnly }
        return count > observers ? .mayBeNodes : .unclear
    }

    /// Whether the rows are those of a channel with this many subscribers.
    package func areAll(of count: Int) -> Bool { count == observers + others }
}
