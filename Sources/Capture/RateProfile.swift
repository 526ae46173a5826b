/// Envelopes over time, for a capture of unknown length: equal spans that double when there are too many, so memory is
/// the same for a second and a month.
package struct RateProfile: Sendable, Equatable, Encodable {
    /// After doubling, half of them are used.
    static let maximumSpans = 120
    private static let firstSpan: UInt64 = 1_000_000

    /// Nanoseconds since 1970.
    private var start: UInt64?
    private var span = firstSpan
    /// Envelopes by span.
    package private(set) var counts: [Int] = []
    /// By span: whether something is missing in it.
    package private(set) var holes: [Bool] = []

    enum CodingKeys: String, CodingKey {
        case seconds = "span_seconds"
        case counts = "envelopes"
        case holes
    }

    /// No envelopes yet.
    package init() {}

    /// Length of a span in seconds.
    package var seconds: Double { Double(span) * 1e-9 }

    /// - Parameter time: of receipt, nanoseconds since 1970.
    mutating func addEnvelope(at time: UInt64) { counts[index(of: time)] += 1 }

    /// Something is missing that would have arrived around this time.
    mutating func addHole(at time: UInt64) { holes[index(of: time)] = true }

    private mutating func index(of time: UInt64) -> Int {
        let start = start ?? time
        self.start = start
        // The clock may have been set back.
        let passed = time > start ? time - start : 0
        while passed / span >= UInt64(Self.maximumSpans) { double() }
        let index = Int(passed / span)
        while counts.count <= index {
            counts.append(0)
            holes.append(false)
        }
        return index
    }

    private mutating func double() {
        span *= 2
        counts = stride(from: 0, to: counts.count, by: 2).map {
            counts[$0] + ($0 + 1 < counts.count ? counts[$0 + 1] : 0)
        }
        holes = stride(from: 0, to: holes.count, by: 2).map { holes[$0] || ($0 + 1 < holes.count && holes[$0 + 1]) }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(counts, forKey: .counts)
        try container.encode(holes.indices.filter { holes[$0] }, forKey: .holes)
    }
}
