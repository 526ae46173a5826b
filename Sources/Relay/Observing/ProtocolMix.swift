/// The hub protocols of a hub's envelopes, and envelopes that lack a protocol that others have.
///
/// A node without a protocol sends envelopes without its frames, and every other node disconnects recipients that use
/// it. A protocol absent from all envelopes is dropped after 5 to 10 minutes: it was switched off. A value without I/O.
struct ProtocolMix {
    /// Of the bits of a set.
    static let labels = ["json", "messagepack", "other"]
    static let json: UInt8 = 1
    static let messagePack: UInt8 = 2
    static let other: UInt8 = 4
    /// Seconds of one span. Protocols of the current and the previous span count.
    static let span: UInt64 = 300

    /// Envelopes by set, since the last ``take(_:)``.
    private var sets = InlineArray<8, Int>(repeating: 0)
    private var lacking = InlineArray<3, Int>(repeating: 0)
    /// Protocols of the current and the previous span.
    private var current: UInt8 = 0
    private var before: UInt8 = 0
    private var number: UInt64 = 0

    /// - Parameter set: its protocols.
    @inline(__always)
    mutating func invocation(_ set: UInt8) {
        sets[Int(set & 7)] &+= 1
        current |= set
        let missing = (current | before) & ~set
        if missing != 0 { lack(missing) }
    }

    /// A client's result has only its own protocol.
    mutating func completion(_ set: UInt8) { sets[Int(set & 7)] &+= 1 }

    @inline(never)
    private mutating func lack(_ set: UInt8) {
        for bit in lacking.indices where set & 1 << UInt8(bit) != 0 { lacking[bit] &+= 1 }
    }

    /// - Parameter seconds: on a monotonic clock.
    mutating func advance(to seconds: UInt64) {
        let now = seconds / Self.span
        guard now > number else { return }
        before = now == number + 1 ? current : 0
        current = 0
        number = now
    }

    /// The counts since the last call.
    ///
    /// - Parameter body: receives the index of a protocol, the number of envelopes that have it, and of those that lack
    ///   it.
    mutating func take(_ body: (_ index: Int, _ carried: Int, _ lacking: Int) -> Void) {
        for bit in lacking.indices {
            var carried = 0
            for set in sets.indices where set & 1 << bit != 0 { carried &+= sets[set] }
            if carried > 0 || lacking[bit] > 0 { body(bit, carried, lacking[bit]) }
            lacking[bit] = 0
        }
        sets = InlineArray(repeating: 0)
    }
}
