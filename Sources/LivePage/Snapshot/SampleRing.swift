/// One second of a channel, as the charts show it.
struct LiveSample: Sendable, Equatable {
    /// The end of the second, nanoseconds since 1970.
    var at: UInt64
    /// A second.
    var envelopes: Double
    /// A second.
    var bytes: Double
    /// Ids found missing in it; of a hub of ASP.NET Core, group commands whose ack did not come in time.
    var missing: Int
    /// From publisher to relay, in seconds; nil without envelopes whose time is known. Of a hub of ASP.NET Core, from a
    /// group command to its ack; nil without one.
    var latency: LatencyWindow.Quantiles?
}

/// The newest samples of a channel; the oldest go.
struct SampleRing: Sendable {
    /// 15 minutes of seconds.
    static let longest = 900
    /// More than the sentence of a channel is taken over.
    static let shortest = 10
    /// Samples of all channels together, of up to 4,500: 2.5 MB here, and as much again while they are written for a page.
    static let budget = 45_000

    private var storage: [LiveSample] = []
    /// Where the oldest one is, once all places are taken.
    private var start = 0
    private var capacity: Int

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        storage.reserveCapacity(capacity)
    }

    /// Samples that each of so many channels may keep.
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

    /// The oldest first.
    var samples: [LiveSample] { Array(storage[start...] + storage[..<start]) }

    /// The newest `count`, the oldest of them first.
    func suffix(_ count: Int) -> [LiveSample] {
        let count = min(count, storage.count)
        return (storage.count - count..<storage.count).map { storage[(start + $0) % storage.count] }
    }
}
