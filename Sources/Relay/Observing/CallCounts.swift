import Backplane
import Prometheus

/// Counts calls of hub methods on one channel, by hub and method.
///
/// Looked up by the hash of the bytes containing both names; decoded once, when first seen. Bounded: calls beyond
/// `maximumCalls` distinct ones are counted as `other`, as are names too long for a label.
struct CallCounts {
    static let maximumCalls = 100
    private static let longestName = 100
    /// A power of two, at least half empty.
    private static let slots = 512
    private static let usedSlots = slots / 2

    private struct Call {
        let hash: UInt64
        let counter: Counter
        var count = 0
    }

    private let hash = ByteHash()
    private let channel: String
    private let backplane: String
    private let family: Family<Counter>
    /// Empty until the first call; then the index in `known` by hash slot, -1 for none. Small, because there may be a
    /// thousand channels.
    private var calls: [Int16] = []
    private var known: [Call] = []
    /// The last call and its index in `known`: the next one is mostly the same.
    private var lastHash: UInt64 = 0
    private var last = -1
    private var other = 0

    /// - Parameter family: with the labels channel, backplane, hub and method, limited to ``maximumCalls`` per channel.
    init(_ family: Family<Counter>, channel: String, _ dialect: Dialect) {
        self.family = family
        self.channel = channel
        backplane = dialect.label
    }

    /// - Parameter value: of a message for clients; ignored if it is not a call.
    @inline(__always)
    mutating func observe(_ value: UnsafeRawBufferPointer) {
        if let name = HubCallName(quickly: value) {
            let hash = self.hash.of(name.key)
            if !count(hash) { meet(hash, hub: name.hub, method: name.method) }
        } else {
            observeSlowly(value)
        }
    }

    /// A call on a hub of ASP.NET Core, whose channels have one hub each.
    ///
    /// - Parameters:
    ///   - method: decoded once, when first seen.
    ///   - hub: its class.
    @inline(__always)
    mutating func observe(method: CoreCallName, hub: String) {
        let hash = self.hash.of(method.key)
        if !count(hash) { meet(hash, hub: hub, method: method.method) }
    }

    /// The same for a method that may be escaped.
    mutating func observe(method: TextInPlace, hub: String) {
        let hash = self.hash.of(method.raw)
        if !count(hash) { meet(hash, hub: hub, method: method.text) }
    }

    /// For escaped names, members in another order, or a value that is not a call.
    private mutating func observeSlowly(_ value: UnsafeRawBufferPointer) {
        guard let call = HubInvocation(scanning: value) else { return }
        let hash = self.hash.of(call.hub) &* 31 &+ self.hash.of(call.method)
        if !count(hash) { meet(hash, hub: call.hubName, method: call.methodName) }
    }

    /// - Returns: false if it is unknown.
    @inline(__always)
    private mutating func count(_ hash: UInt64) -> Bool {
        if hash == lastHash, last >= 0 {
            known[last].count &+= 1
            return true
        }
        guard !calls.isEmpty else { return false }
        var slot = Int(truncatingIfNeeded: hash) & (Self.slots &- 1)
        while calls[slot] >= 0 {
            let call = Int(calls[slot])
            if known[call].hash == hash {
                known[call].count &+= 1
                last = call
                lastHash = hash
                return true
            }
            slot = (slot &+ 1) & (Self.slots &- 1)
        }
        return false
    }

    private mutating func meet(_ hash: UInt64, hub: String, method: String) {
        guard known.count < Self.usedSlots else {
            other += 1
            return
        }
        if calls.isEmpty { calls = Array(repeating: -1, count: Self.slots) }
        let isLong = max(hub.utf8.count, method.utf8.count) > Self.longestName
        let rest = ChildLimit.overflowValue
        var slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
        while calls[slot] >= 0 { slot = (slot + 1) & (Self.slots - 1) }
        calls[slot] = Int16(known.count)
        let counter =
            isLong
            ? family.with(channel, backplane, rest, rest) : family.with(channel, backplane, hub, method)
        known.append(Call(hash: hash, counter: counter, count: 1))
    }

    /// Adds the counts since the last call to the shared counters.
    mutating func publish() {
        for index in known.indices where known[index].count > 0 {
            known[index].counter.increment(by: known[index].count)
            known[index].count = 0
        }
        if other > 0 {
            let rest = ChildLimit.overflowValue
            family.with(channel, backplane, rest, rest).increment(by: other)
            other = 0
        }
    }
}
