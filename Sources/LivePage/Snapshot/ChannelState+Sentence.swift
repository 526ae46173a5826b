import Relay

/// The parts of a channel's sentence.
extension ChannelState {
    /// A replica at least this far behind its master, in seconds, is mentioned.
    private static let shownLag = 1.0

    func addOpening(_ kind: ChannelVerdict.Kind, to sentence: inout Sentence) {
        switch kind {
        case .healthy: sentence.add("healthy: ")
        case .quiet: sentence.add("quiet: ")
        case .hanging:
            let what =
                recording == .off
                ? "the relay has not responded since {}: is this machine overloaded? "
                : "the recorder has not responded since {}: the disk does not answer. "
            sentence.add(what + "Traffic figures are stale", now - silence)
        case .subscribing:
            guard case .connecting(let since) = connection else { return }
            sentence.add(
                "subscribing since {}: Redis has not answered yet" + (isTakingLong ? "; the log says why" : ""), since)
        case .redisDown:
            guard case .lost(let since, let cause) = connection else { return }
            let then = isTapped ? "replication will continue where it ended" : "anything published meanwhile is missed"
            sentence.add("Redis down: no connection since {} (\(Words.cause(cause))); \(then)", since)
        case .demoted:
            guard let masterLoss else { return }
            sentence.add(
                "Redis demoted: since {} the server is a replica"
                    + (masterLoss.master.map { " of \(Words.withoutBraces($0))" } ?? "")
                    + ", and nodes publish to its master; ", masterLoss.since)
        case .linkDown:
            guard let replica else { return }
            sentence.add(
                "replica without its master: since {} it does not receive from "
                    + (replica.master.map { Words.withoutBraces($0) } ?? "it")
                    + ", and nothing that nodes publish arrives; ", replica.since)
        case .paused:
            guard case .paused(let since, let lost) = recording else { return }
            sentence.add("recording paused: disk space low since {}, \(ofAll(lost)) not recorded; ", since)
        case .notRecording:
            guard case .failing(let since, let lost) = recording else { return }
            sentence.add(
                "not recording: writing to the capture has failed since {}, \(ofAll(lost)) lost; ", since)
        case .dropping:
            guard let drops else { return }
            let why =
                drops.oversized == drops.envelopes
                ? "larger than the buffer;" : "is the disk too slow, or the buffer too small?"
            sentence.add(
                "dropping: \(ofAll(drops.envelopes)) received and not recorded since {}; \(why) ", drops.firstAt)
        case .interleaved:
            guard let interleaving else { return }
            let places =
                interleaving.databases.isEmpty
                ? "different databases" : "databases \(interleaving.databases.joined(separator: " and "))"
            sentence.add(
                "\(interleaving.counters) counters publishing in turn since {}: applications in \(places) share the event key, give each its own; ",
                interleaving.firstAt)
        case .reset:
            guard let reset else { return }
            sentence.add(
                "counter set back at {}: id \(Words.count(reset.to)) came after \(Words.count(reset.from)), clients may miss messages until it catches up; ",
                reset.at)
        case .slowSubscriber:
            guard let first = slow.first else { return }
            let more = slow.count > 1 ? " (and \(slow.count - 1) more)" : ""
            sentence.add(
                "slow subscriber: '\(Words.withoutBraces(first.name))' at \(Words.withoutBraces(first.address))\(more) reads too slowly or not at all, \(Words.mebibytes(first.waiting)) waiting in Redis; "
            )
        case .gap:
            guard let gap else { return }
            sentence.add(
                "gap: \(Words.ids(gap.missing)) missing since {} (\(Words.cause(gap.cause))); ", gap.firstAt)
        case .noNodes, .notWatched, .undecodable, .protocolMissing, .acksMissing:
            hub?.addOpening(kind, at: now, to: &sentence)
        }
    }

    func addTraffic(_ kind: ChannelVerdict.Kind, to sentence: inout Sentence) {
        if isQuiet || rate == 0 {
            if let lastEnvelopeAt {
                sentence.add("no envelope since {}", lastEnvelopeAt)
            } else if case .subscribed(let since) = connection {
                sentence.add("no envelope yet, \(isTapped ? "replication attached" : "subscribed") since {}", since)
            }
        } else {
            sentence.add("\(Words.rate(rate)) envelopes/s")
            if let latency { sentence.add(", latency \(Words.duration(latency.median))") }
        }
        if let lag = replica?.lag, lag >= Self.shownLag {
            sentence.add(", the replica is \(Words.duration(lag)) behind its master")
        }
        guard let listeners, listeners > 0 else { return }
        sentence.add(listeners == 1 ? ", 1 other subscriber" : ", \(Words.count(UInt64(listeners))) other subscribers")
    }

    func addMissing(_ kind: ChannelVerdict.Kind, to sentence: inout Sentence) {
        if hub != nil {
            guard lastEnvelopeAt != nil else { return }
            return sentence.add(
                isTapped ? ", received by replication" : ", completeness is unknown on this wire")
        }
        // Beside what is not recorded, "nothing missing" would be a contradiction.
        let nothing = kind == .paused || kind == .notRecording ? "all ids received" : "nothing missing"
        if interleaving != nil { return sentence.add(", missing ids unknown") }
        switch (kind, gap) {
        case (.gap, _):
            break
        case (_, let gap?) where isNews(gap.lastAt):
            sentence.add(", \(Words.ids(gap.missing)) missing since {}", gap.firstAt)
        case (_, let gap?):
            sentence.add(", \(nothing) since {}", gap.lastAt)
        case (_, nil):
            // Without envelopes nothing can be missing.
            if lastEnvelopeAt != nil { sentence.add(", \(nothing) since {}", watchedSince) }
        }
    }

    /// A consequence of a reset that outlasts a minute.
    func addDeafness(_ kind: ChannelVerdict.Kind, to sentence: inout Sentence) {
        guard kind != .reset, interleaving == nil, let reset, lastID < reset.highest else { return }
        sentence.add(
            "; the counter was set back at {}: earlier clients may miss messages until id \(Words.count(reset.highest))",
            reset.at)
    }

    /// Recording is shared by all channels.
    private func ofAll(_ envelopes: Int) -> String {
        Words.envelopes(envelopes) + (isOneOfMany ? " of all channels" : "")
    }
}
