/// The newest samples of a channel; the oldest go.
struct SampleRing: Sendable {
    /// 15 minutes of seconds.
    static let capacity = 900

    private var storage: [LiveSample] = []
    /// Where the oldest one is, once all places are taken.
    private var start = 0
    private let capacity: Int

    init(capacity: Int = Self.capacity) {
        precondition(capacity > 0)
        self.capacity = capacity
        storage.reserveCapacity(capacity)
    }

    mutating func append(_ sample: LiveSample) {
        if storage.count < capacity {
            storage.append(sample)
        } else {
            storage[start] = sample
            start = (start + 1) % capacity
        }
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
