/// A server's replies in the transaction that published a marker.
struct MarkerReading: Sendable, Equatable {
    /// Its `run_id`; empty if it does not report one.
    var server: String
    /// Executions of each command since the last reset, by its name in `INFO commandstats`.
    var calls: [String: Int]

    /// PUBLISHes that it executed, also in transactions and scripts, and also without a subscriber.
    var published: Int { calls["publish"] ?? 0 }
}

/// Compares what the server published with what the subscription received, from marker to marker. Decision logic without
/// I/O.
///
/// A marker is answered over one connection and seen on the subscription, in either order, or only one of the two. An
/// interval is the time between two markers that were both answered and seen. Markers published during an interruption
/// are not seen, so the interval includes everything published meanwhile.
struct MarkerAccount: Sendable {
    /// A figure between two markers.
    struct Interval: Sendable, Equatable {
        /// PUBLISHes that the server executed, without the markers.
        var published: Int
        /// Envelopes received.
        var received: Int
        /// Whether the subscription was interrupted, or a marker did not arrive: something may be missing.
        var isInterrupted: Bool

        /// PUBLISHes that did not arrive: on channels that are not watched, or missing. Not negative, although a
        /// message that matches two patterns is received twice.
        var unseen: Int { max(0, published - received) }
    }

    enum Outcome: Sendable, Equatable {
        /// The first marker was answered and seen: the first interval begins.
        case began
        /// The end of an interval.
        case counted(Interval)
        /// The counts of the interval cannot be compared.
        case void(VoidReason)
    }

    /// Why an interval has no figures.
    enum VoidReason: String, CaseIterable, Sendable {
        /// `CONFIG RESETSTAT`: the server counts from 0.
        case countsReset = "counts_reset"
        /// A restart or a failover.
        case otherServer = "other_server"
    }

    /// Maximum number of markers that were only answered or only seen; older ones are dropped.
    static let mostPending = 64

    private struct Seen {
        /// Envelopes of the relay before it.
        var received: Int
        /// Interruptions of the subscription before it.
        var interruptions: Int
    }

    private struct Whole {
        var number: UInt64
        var reading: MarkerReading
        var seen: Seen
    }

    private var last: Whole?
    private var answered: [UInt64: MarkerReading] = [:]
    private var seen: [UInt64: Seen] = [:]
    /// Numbers of markers after the last whole one that the server has not executed, as far as known.
    private var unexecuted: Set<UInt64> = []
    private var interruptions = 0

    /// The server has answered the transaction of a marker.
    mutating func answered(_ number: UInt64, _ reading: MarkerReading) -> Outcome? {
        answered[number] = reading
        return complete(number)
    }

    /// There was no answer, or a refusal. The server may have executed it nevertheless; if it did, and the subscription
    /// did not receive it, the interval counts one PUBLISH too many, never too few.
    mutating func failed(_ number: UInt64) {
        if unexecuted.count < Self.mostPending, seen[number] == nil { unexecuted.insert(number) }
    }

    /// The subscription has received a marker.
    ///
    /// - Parameter received: envelopes before it, since the start of the relay.
    mutating func seen(_ number: UInt64, received: Int) -> Outcome? {
        unexecuted.remove(number)
        seen[number] = Seen(received: received, interruptions: interruptions)
        return complete(number)
    }

    /// The subscription has ended, at this point of the stream.
    mutating func interrupted() { interruptions += 1 }

    private mutating func complete(_ number: UInt64) -> Outcome? {
        defer { forgetOld() }
        guard let reading = answered[number], let seen = seen[number] else { return nil }
        let whole = Whole(number: number, reading: reading, seen: seen)
        guard let last else {
            take(whole)
            return .began
        }
        guard number > last.number else { return nil }
        defer { take(whole) }
        guard reading.server == last.reading.server else { return .void(.otherServer) }
        // Counts only rise, unless they were reset.
        let isReset = last.reading.calls.contains { reading.calls[$0.key, default: 0] < $0.value }
        guard !isReset else { return .void(.countsReset) }
        let between = unexecuted.count { $0 > last.number && $0 < number }
        let steps = Int(clamping: number - last.number)
        let missed = steps - 1 - between - self.seen.keys.count { $0 > last.number && $0 < number }
        return .counted(
            Interval(
                published: max(0, reading.published - last.reading.published - steps + between),
                received: seen.received - last.seen.received,
                isInterrupted: seen.interruptions != last.seen.interruptions || missed > 0))
    }

    private mutating func take(_ whole: Whole) {
        last = whole
        answered = answered.filter { $0.key > whole.number }
        seen = seen.filter { $0.key > whole.number }
        unexecuted = unexecuted.filter { $0 > whole.number }
    }

    private mutating func forgetOld() {
        for (count, oldest) in [(answered.count, answered.keys.min()), (seen.count, seen.keys.min())] {
            guard count > Self.mostPending, let oldest else { continue }
            answered[oldest] = nil
            seen[oldest] = nil
        }
    }
}
