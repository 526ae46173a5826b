/// A whole chunk that a scan found.
public struct ScannedChunk: Equatable, Sendable {
    /// As the file's summary has it, or would have it: at the end of a cut file with message indexes still to be written.
    public var index: ChunkIndex
    /// Messages of each channel.
    public var messageCounts: [UInt16: UInt64]
}
