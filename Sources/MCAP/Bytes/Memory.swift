/// How much memory a buffer keeps once its bytes are done with, so that one huge message does not stay paid for.
enum Memory {
    /// A few of the largest ordinary chunks.
    static let keptAtMost = 1 << 22
    /// The index of an ordinary chunk on one channel.
    static let keptForIndexAtMost = 1 << 16
}
