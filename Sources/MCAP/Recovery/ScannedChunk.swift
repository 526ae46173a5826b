/// A whole chunk that a scan found.
package struct ScannedChunk: Equatable, Sendable {
    /// As the file's summary has it, or would have it: at the end of a cut file with message indexes still to be written.
    package var index: ChunkIndex
    /// Messages of each channel.
    package var messageCounts: [UInt16: UInt64]
}
