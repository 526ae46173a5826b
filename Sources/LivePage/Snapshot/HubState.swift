/// What decides, beside what both backplanes have, what is said of a hub of ASP.NET Core. Times are nanoseconds since 1970.
struct HubState: Sendable, Equatable {
    /// What was counted again and again, as one.
    struct News: Sendable, Equatable {
        var firstAt: UInt64
        var lastAt: UInt64
        var count: Int
    }

    /// Payloads that are no envelopes of ASP.NET Core.
    var undecodable: News?
    /// Group commands without an ack within 30 s.
    var missingAcks: News?
    /// Envelopes that lack a protocol, by its name.
    var lacking: [String: News] = [:]
    /// From a group command to its ack.
    var ackDuration: LatencyWindow.Quantiles?

    /// What is news at this time, the worst first; nil if nothing is.
    func kind(at now: UInt64) -> ChannelVerdict.Kind? {
        if worstLack(at: now) != nil { return .protocolMissing }
        if Self.isNews(undecodable, at: now) { return .undecodable }
        return Self.isNews(missingAcks, at: now) ? .acksMissing : nil
    }

    /// Group commands without an ack of the last minute.
    func missingAcks(at now: UInt64) -> Int { Self.isNews(missingAcks, at: now) ? missingAcks?.count ?? 0 : 0 }

    func addOpening(_ kind: ChannelVerdict.Kind, at now: UInt64, to sentence: inout Sentence) {
        switch kind {
        case .noNodes:
            sentence.add(
                "no nodes: only this relay is subscribed to the hub; does its application run, and are the hub's type and the channel prefix right? "
            )
        case .protocolMissing:
            guard let (name, news) = worstLack(at: now) else { return }
            sentence.add(
                "protocol missing: \(Words.envelopes(news.count)) without \(name) since {}, which other envelopes of the hub have; nodes disconnect clients that need it; ",
                news.firstAt)
        case .undecodable:
            guard let undecodable else { return }
            sentence.add(
                "undecodable: \(Words.payloads(undecodable.count)) since {} that no node of ASP.NET Core sends; what else publishes there? ",
                undecodable.firstAt)
        case .acksMissing:
            guard let missingAcks else { return }
            sentence.add(
                "acks missing: \(Words.commands(missingAcks.count)) since {} without an ack within 30 s; does each node receive from the backplane? ",
                missingAcks.firstAt)
        default: break
        }
    }

    private func worstLack(at now: UInt64) -> (name: String, news: News)? {
        lacking.filter { Self.isNews($0.value, at: now) }
            .max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
            .map { ($0.key, $0.value) }
    }

    private static func isNews(_ news: News?, at now: UInt64) -> Bool {
        news.map { $0.lastAt + ChannelState.newsSpan > now } ?? false
    }
}
