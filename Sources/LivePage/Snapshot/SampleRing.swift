/// One second of a channel, for the charts.
struct LiveSample: Sendable, Equatable {
    /// The end of the second, nanoseconds since 1970.
    var at: UInt64
    /// Per second.
    var envelopes: Double
    /// Per second.
    var bytes: Double
    /// Ids found missing in it; of a hub of ASP.NET Core, group commands whose ack did not come in time.
    var missing: Int
    /// From publisher to relay, in seconds; nil without envelopes whose time is known. Of a hub of ASP.NET Core, from a
    /// group command to its ack; nil without one.
    var latency: LatencyWindow.Quantiles?
}

/// The newest samples of a channel; the oldest are dropped.
struct SampleRing: Sendable {
    /// 15 minutes of seconds.
    static let longest = 900
    /// More than the averaging period of the sentence.
    static let shortest = 10
    /// Limit for the samples of all channels together, for up to 4,500 channels: 2.5 MB here, and as much again while
    /// they are written for a page.
    static let budget = 45_000

    private var storage: [LiveSample] = []
    /// Index of the oldest sample, once the ring is full.
    private var start = 0
    private var capacity: Int

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        storage.reserveCapacity(capacity)
    }

    /// Samples per channel for this number of channels.
    static func capacity(channels: Int) -> Int { max(shortest, min(longest, budget / max(1, channels))) }

    mutating func append(_ sample: LiveSample) {
        if storage.count < capacity {
            storage.append(sample)
        } else {
            storage[start] = sample
            start = (start + 1) % capacity
        }
    }

    /// Keeps fewer from now on, the newest; never more than before.
    mutating func shrink(to capacity: Int) {
        precondition(capacity > 0)
        guard capacity < self.capacity else { return }
        storage = suffix(capacity)
        start = 0
        self.capacity = capacity
    }

    var count: Int { storage.count }
    var last: LiveSample? { storage.isEmpty ? nil : storage[(start + storage.count - 1) % storage.count] }

    /// Oldest first.
    var samples: [LiveSample] { Array(storage[start...] + storage[..<start]) }

    /// The newest `count`, oldest first.
    func suffix(_ count: Int) -> [LiveSample] {
        let count = min(count, storage.count)
        return (storage.count - count..<storage.count).map { storage[(start + $0) % storage.count] }
    }
}
