/// Which hub protocols the envelopes of a hub carry, and which envelopes lack one that others carry.
///
/// A node that lacks a protocol sends envelopes without it, and every other node disconnects the clients with that protocol
/// that such an envelope is for. A protocol that no envelope carries any more is forgotten after 5 to 10 minutes: it was
/// switched off. A value without I/O.
struct ProtocolMix {
    /// Of the bits of a set.
    static let labels = ["json", "messagepack", "other"]
    static let json: UInt8 = 1
    static let messagePack: UInt8 = 2
    static let other: UInt8 = 4
    /// Seconds of one span. What was carried in the current one and the one before counts.
    static let span: UInt64 = 300

    /// Envelopes by set, since they were taken.
    private var sets = InlineArray<8, Int>(repeating: 0)
    private var lacking = InlineArray<3, Int>(repeating: 0)
    /// Protocols of the current span, and of the one before.
    private var current: UInt8 = 0
    private var before: UInt8 = 0
    private var number: UInt64 = 0

    /// - Parameter set: the protocols in it.
    @inline(__always)
    mutating func invocation(_ set: UInt8) {
        sets[Int(set & 7)] &+= 1
        current |= set
        let missing = (current | before) & ~set
        if missing != 0 { lack(missing) }
    }

    /// A client's answer: in its own protocol alone.
    mutating func completion(_ set: UInt8) { sets[Int(set & 7)] &+= 1 }

    @inline(never)
    private mutating func lack(_ set: UInt8) {
        for bit in lacking.indices where set & 1 << UInt8(bit) != 0 { lacking[bit] &+= 1 }
    }

    /// - Parameter seconds: of a clock that never goes back.
    mutating func advance(to seconds: UInt64) {
        let now = seconds / Self.span
        guard now > number else { return }
        before = now == number + 1 ? current : 0
        current = 0
        number = now
    }

    /// What was counted since the last call.
    ///
    /// - Parameter body: is given the index of a protocol, the envelopes that carry it, and those that lack it.
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
