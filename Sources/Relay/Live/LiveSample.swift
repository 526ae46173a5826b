/// One second of a channel, as the charts show it.
struct LiveSample: Sendable, Equatable {
    /// The end of the second, nanoseconds since 1970.
    var at: UInt64
    /// A second.
    var envelopes: Double
    /// A second.
    var bytes: Double
    /// Ids found missing in it.
    var missing: Int
    /// In seconds; nil without envelopes whose time is known.
    var latency: LatencyWindow.Quantiles?
}
