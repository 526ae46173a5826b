import Redis

/// Finds where two readings of one stream of envelopes meet: a subscription's, which began earlier, and a replication
/// link's, which takes over. By order and bytes, so it needs no ids. A value without I/O.
///
/// Both read everything in the order in which the server executed it. So the link's first envelope is the
/// subscription's envelope number ``Outcome/one(_:)`` (its start), and from there on they are the same. Equal payloads
/// in a row fit at several starts; then bounds decide, which follow from what had arrived on both sides when the server
/// was asked.
struct OverlapMatcher {
    /// What is known of the start.
    enum Outcome: Equatable {
        /// There is no upper bound yet.
        case unbounded
        /// The two do not fit.
        case none
        /// The number of the subscription's envelopes before the link's first one.
        case one(Int)
        /// The highest of several.
        case several(highest: Int)
    }

    /// Maximum number of envelopes on each side.
    static let limit = 1 << 20
    /// Base of the polynomial hash by which parts of a reading are compared; odd, so that no power is 0.
    private static let base: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Hash of the first `index` envelopes, by index.
    private var subscription: [UInt64] = [0]
    private var link: [UInt64] = [0]
    private var powers: [UInt64] = [1]
    private var lower = 0
    private var upper: Int?
    /// The starts that still fit; nil until there is an upper bound.
    private var starts: [Int]?

    /// Envelopes read by the subscription.
    var subscriptionCount: Int { subscription.count - 1 }
    /// Envelopes read by the link.
    var linkCount: Int { link.count - 1 }
    /// True if the limit is reached; then nothing more is compared.
    var isFull: Bool { subscriptionCount >= Self.limit || linkCount >= Self.limit }

    /// - Parameter fingerprint: of the next envelope; see ``EnvelopeFingerprint``.
    mutating func readBySubscription(_ fingerprint: UInt64) {
        guard !isFull else { return }
        subscription.append(subscription[subscription.count - 1] &* Self.base &+ fingerprint)
    }

    /// - Parameter fingerprint: as above.
    mutating func readByLink(_ fingerprint: UInt64) {
        guard !isFull else { return }
        link.append(link[link.count - 1] &* Self.base &+ fingerprint)
        powers.append(powers[powers.count - 1] &* Self.base)
    }

    /// The start is known to be within these bounds, both included; narrows those known before.
    mutating func bound(_ lower: Int, _ upper: Int) {
        self.lower = max(self.lower, lower)
        self.upper = min(self.upper ?? upper, upper)
        if let starts {
            self.starts = starts.filter { $0 >= self.lower && $0 <= upper }
        } else if let upper = self.upper {
            starts = self.lower <= upper ? Array(self.lower...upper) : []
        }
    }

    /// Compares what has arrived since the last call.
    mutating func look() -> Outcome {
        guard var starts else { return .unbounded }
        if starts.count > 1 || linkCount > 0 { starts.removeAll { !fits($0) } }
        self.starts = starts
        guard let highest = starts.last else { return .none }
        return starts.count == 1 ? .one(highest) : .several(highest: highest)
    }

    /// Whether the readings are the same from this start to the end of the shorter one.
    private func fits(_ start: Int) -> Bool {
        let count = min(subscriptionCount - start, linkCount)
        // Above what the subscription has read until now.
        guard count > 0 else { return true }
        return subscription[start + count] &- subscription[start] &* powers[count] == link[count]
    }

    /// The first envelopes of the link that the subscription has delivered, whichever start is right: they need not be
    /// kept.
    var surelyDelivered: Int {
        guard let highest = starts?.last else { return 0 }
        return max(0, min(subscriptionCount - highest, linkCount))
    }

    /// Fingerprints of the subscription's envelopes from here on, in order.
    func subscriptionFingerprints(from index: Int) -> [UInt64] {
        guard index < subscriptionCount else { return [] }
        return (max(0, index)..<subscriptionCount).map { subscription[$0 + 1] &- subscription[$0] &* Self.base }
    }
}

/// A number for an envelope, the same for the same bytes on the same channel.
enum EnvelopeFingerprint {
    private static let factor: UInt64 = 0xD6E8_FEB8_6659_FD93

    /// - Parameters:
    ///   - payload: as in a batch, with the Redis channel of a hub.
    ///   - channel: index of the event key or hub.
    static func of(_ payload: UnsafeRawBufferPointer, channel: Int) -> UInt64 {
        var hash = mix(start(channel) ^ UInt64(truncatingIfNeeded: payload.count))
        var index = 0
        while index &+ 8 <= payload.count {
            hash = mix(hash ^ payload.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        var rest: UInt64 = 0
        while index < payload.count {
            rest = rest << 8 | UInt64(payload[index])
            index &+= 1
        }
        return mix(hash ^ rest)
    }

    /// For a large payload, which one reading may have kept and the other not.
    static func large(channel: Int) -> UInt64 { mix(start(channel) ^ .max) }

    private static func start(_ channel: Int) -> UInt64 { mix(UInt64(truncatingIfNeeded: channel) &+ 1) }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 32)) &* factor
        value = (value ^ (value >> 29)) &* factor
        return value ^ (value >> 32)
    }
}

extension EnvelopeBatch {
    /// ``EnvelopeFingerprint`` of each envelope, in the order of arrival.
    func forEachFingerprint(_ body: (UInt64) -> Void) {
        forEach { channel, _, payload in
            body(
                payload.count > Self.largePayload
                    ? EnvelopeFingerprint.large(channel: channel) : EnvelopeFingerprint.of(payload, channel: channel))
        }
    }
}
