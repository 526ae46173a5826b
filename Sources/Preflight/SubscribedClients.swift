import Redis

/// The subscribers of a server over all channels, classified by their names in `CLIENT LIST`.
package struct SubscribedClients: Sendable, Equatable {
    /// Relays and tails, which only observe.
    package var observers: Int
    /// All others: possibly nodes.
    package var others: Int

    package init(observers: Int, others: Int) {
        self.observers = observers
        self.others = others
    }

    /// - Parameter list: the reply to `CLIENT LIST TYPE pubsub`.
    package init(list: String) {
        self.init(observers: 0, others: 0)
        for line in list.split(whereSeparator: \.isNewline) {
            let client = InfoFields(client: String(line))
            // PUBSUB NUMSUB does not count clients that only subscribe to patterns.
            guard client["sub"].flatMap({ Int($0) }) ?? 0 > 0 else { continue }
            if RedisConfiguration.isObserver(clientName: client["name"] ?? "") { observers += 1 } else { others += 1 }
        }
    }

    /// What is known about the subscribers of one channel.
    package enum Verdict: Sendable, Equatable {
        /// At least one is not an observer.
        case mayBeNodes
        /// All subscribers of the server are observers.
        case observersOnly
        /// The server has at least as many observers, which may be those of the channel.
        case unclear
    }

    /// - Parameter count: `PUBSUB NUMSUB` of the channel.
    package func verdict(on count: Int) -> Verdict {
        if others == 0, count <= observers { return .observersOnly }
        return count > observers ? .mayBeNodes : .unclear
    }

    /// Whether the list consists of the subscribers of a channel with this many.
    package func areAll(of count: Int) -> Bool { count == observers + others }
}
