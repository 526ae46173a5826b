/// Where a replay goes on after its connection, or its process, ended with envelopes under way: decision logic without I/O.
struct ReplayResumption: Equatable {
    /// Envelopes that were published for certain.
    var published: Int
    /// So many behind them may have been published: they are published again, and named.
    var doubted: Int

    /// - Parameters:
    ///   - confirmed: envelopes whose answer came.
    ///   - sent: envelopes that were sent, as far as is known here.
    ///   - known: how many the target says were published; nil if it knows nothing of this replay.
    ///   - isSameProcess: whether the target's process is still the one that they were sent to. One that was restarted, or
    ///     took over from another, may have lost what it knew last.
    init(confirmed: Int, sent: Int, known: Int?, isSameProcess: Bool) {
        let known = known ?? -1
        published = max(known, confirmed)
        doubted = isSameProcess && known >= confirmed ? 0 : max(0, sent - published)
    }
}
