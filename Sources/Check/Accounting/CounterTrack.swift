import Loopback
/// Sees from values that one source tells in order whether the counter went back. No I/O.
struct CounterTrack: Equatable, Sendable {
    /// As many as anybody reads.
    private static let kept = 10

    private(set) var resets: [CounterReset] = []
    /// Resets in all, those that are not kept included.
    private(set) var count = 0
    private var last: UInt64?

    /// - Parameter value: an id, or the counter; nil if its key does not exist.
    mutating func observe(_ value: UInt64?) {
        defer { last = value ?? last.map { _ in 0 } }
        guard let last, (value ?? 0) < last else { return }
        count += 1
        if resets.count < Self.kept { resets.append(CounterReset(from: last, to: value ?? 0)) }
    }
}
