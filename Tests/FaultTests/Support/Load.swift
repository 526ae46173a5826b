/// How much a ``Publisher`` publishes.
struct Load: Sendable {
    /// Envelopes that are under way together.
    var burst = 1...20
    /// Between two bursts, in milliseconds.
    var pause = 2...10
    /// Bytes of text in an envelope; of few, much more.
    var size = 50...600
    var largeEvery = 100
    var largeSize = 2_000...40_000

    static let usual = Load()
    /// Some megabytes a second: more than socket buffers hold.
    static let heavy = Load(burst: 2...4, pause: 4...8, size: 30_000...60_000)
}
