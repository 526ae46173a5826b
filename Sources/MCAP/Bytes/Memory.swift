/// Memory that buffers keep after use, so that a single huge message does not occupy memory forever.
enum Memory {
    /// A few of the largest ordinary chunks.
    static let keptAtMost = 1 << 22
    /// The index of an ordinary chunk on one channel.
    static let keptForIndexAtMost = 1 << 16
}
