/// How far a replica is behind its master, from successive offsets of both. A value without I/O; times are nanoseconds
/// on the monotonic clock.
struct ReplicaLag {
    struct Lag: Equatable {
        /// Bytes of the replication stream.
        var bytes: Int64
        /// Time since the master was where the replica is now.
        var nanoseconds: UInt64
    }

    private struct Sample {
        var offset: Int64
        var time: UInt64
    }

    /// Samples that are kept: one each second for four minutes. A longer lag is reported as at least that.
    private static let most = 240

    /// Offsets of the master, ascending.
    private var samples: [Sample] = []

    /// - Parameters:
    ///   - replica: the last byte that the replica has processed, asked before the master.
    ///   - master: the last byte that the master has written.
    mutating func look(replica: Int64, master: Int64, at now: UInt64) -> Lag {
        // Another history begins.
        if let last = samples.last, master < last.offset { samples = [] }
        samples.append(Sample(offset: master, time: now))
        if samples.count > Self.most { samples.removeFirst(samples.count - Self.most) }
        guard replica < master else { return Lag(bytes: 0, nanoseconds: 0) }
        return Lag(bytes: master - replica, nanoseconds: now - time(of: replica))
    }

    /// When the master was at this offset, between two samples by their distance.
    private func time(of offset: Int64) -> UInt64 {
        guard let next = samples.firstIndex(where: { $0.offset > offset }), next > 0 else {
            return samples.first?.time ?? 0
        }
        let (before, after) = (samples[next - 1], samples[next])
        let share = Double(offset - before.offset) / Double(after.offset - before.offset)
        return before.time + UInt64(share * Double(after.time - before.time))
    }

    /// The master is unknown, or another one.
    mutating func forget() { samples = [] }
}
