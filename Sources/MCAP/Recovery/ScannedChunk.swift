/// An intact chunk found by a scan.
package struct ScannedChunk: Equatable, Sendable {
    /// As in the file's summary, or as it will be: at the end of a cut file with message indexes still to be written.
    package var index: ChunkIndex
    /// Number of messages by channel.
    package var messageCounts: [UInt16: UInt64]
}
