/// Observes a ``CaptureWriter``, on its thread.
package protocol CaptureWriterObserver: AnyObject {
    /// - Parameters:
    ///   - bytes: growth of the file.
    ///   - envelopes, payloadBytes: contents of the chunk.
    ///   - nanoseconds: time for compression and writing.
    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64)
    /// The chunk was stored uncompressed, because compression would have slowed the recorder further.
    func chunkLeftUncompressed()
    func synced(nanoseconds: UInt64)
    func segmentOpened(path: String)
    /// The segment is final: closed with its summary, or abandoned.
    func segmentEnded(path: String)
    /// The open segment or part of it was removed from outside; the loss is an event in the next segment.
    func segmentLost(_ loss: SegmentLoss)
}

extension CaptureWriterObserver {
    package func chunkLeftUncompressed() {}
    package func segmentEnded(path: String) {}
    package func segmentLost(_ loss: SegmentLoss) {}
}
