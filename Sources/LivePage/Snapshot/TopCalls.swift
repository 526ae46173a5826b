/// Which hubs and methods were called most among the sampled envelopes of one channel.
struct TopCalls: Sendable {
    struct Call: Hashable, Sendable {
        var hub: String
        var method: String
    }

    struct Row: Equatable, Sendable {
        var hub: String
        var method: String
        var count: Int
    }

    /// Pairs that are counted; what comes further counts as others.
    static let limit = 100
    static let shown = 8

    private var counts: [Call: Int] = [:]
    private(set) var total = 0

    mutating func count(hub: String, method: String) {
        total += 1
        let call = Call(hub: hub, method: method)
        guard counts[call] != nil || counts.count < Self.limit else { return }
        counts[call, default: 0] += 1
    }

    /// The most frequent ones first.
    var rows: [Row] {
        counts.sorted { ($1.value, $0.key.hub, $0.key.method) < ($0.value, $1.key.hub, $1.key.method) }
            .prefix(Self.shown).map { Row(hub: $0.key.hub, method: $0.key.method, count: $0.value) }
    }
}
