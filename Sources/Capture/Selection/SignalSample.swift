/// A share of all signals, chosen by their names alone: what is chosen once is chosen in every capture, by every version.
///
/// A signal is in if its hash lies below the share of 2^64. The hash: 64-bit FNV-1a over the signal's bytes, A to Z taken
/// as a to z, its bits then spread by the finalizer of MurmurHash3, because FNV alone leaves the high bits of short names
/// alike.
struct SignalSample: Sendable {
    private let limit: UInt64

    /// - Parameter percent: 0 for none to 100 for all.
    init(percent: Double) {
        let share = percent / 100 * 0x1p64
        limit = share >= 0x1p64 ? .max : UInt64(max(0, share))
    }

    func includes(_ signal: UnsafeRawBufferPointer) -> Bool {
        limit == .max || Self.hash(signal) < limit
    }

    static func hash(_ signal: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in signal {
            hash ^= UInt64(Self.lowercased(byte))
            hash &*= 0x100_0000_01b3
        }
        hash ^= hash >> 33
        hash &*= 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        hash &*= 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }

    @inline(__always)
    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }
}
